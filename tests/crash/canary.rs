//! What others have on the swarm below the same base domain, and nobody may touch.

use crate::docker;

/// What the volumes hold.
const WORD: &str = "a word of somebody else";
/// The image of the service, and of what reads the volumes.
const IMAGE: &str = "busybox:1.35.0";

/// Objects of two stacks that no run made: one named as a run's app, and a canonical.
pub(crate) struct Canary {
    /// What is inspected, as kind and name, with what Docker said in the beginning.
    objects: Vec<(&'static str, String, String)>,
}

impl Canary {
    /// Makes the objects.
    pub(crate) fn plant(base: &str) -> Self {
        let below = base.replace('.', "_");
        let (foreign, warm) = (
            format!("wiki-0a1b2c_{below}"),
            format!("warm-static_{below}"),
        );
        let names: [(&str, &str, String); 6] = [
            ("volume", &foreign, format!("{foreign}_data")),
            ("volume", &warm, format!("{warm}_data")),
            ("secret", &foreign, format!("{foreign}_key_v1")),
            ("config", &foreign, format!("{foreign}_conf_v1")),
            ("service", &foreign, format!("{foreign}_app")),
            ("container", &foreign, format!("{foreign}_task")),
        ];
        for (kind, stack, name) in &names {
            let label = format!("--label=com.docker.stack.namespace={stack}");
            let named = format!("--name={name}");
            // A service without tasks is gone once it is removed; the container stands for its task.
            docker::docker(&match *kind {
                "volume" => vec![kind, "create", &label, name],
                "service" => vec![
                    kind,
                    "create",
                    "--quiet",
                    "--replicas=0",
                    &label,
                    &named,
                    IMAGE,
                ],
                "container" => vec![
                    kind, "run", "--detach", &label, &named, IMAGE, "sleep", "3600",
                ],
                kind => vec![kind, "create", &label, name, "/etc/hostname"],
            });
            if *kind == "volume" {
                in_volume(name, &format!("printf '{WORD}' > /v/word"));
            }
        }
        let objects = names.map(|(kind, _, name)| {
            let said = inspect(kind, &name);
            (kind, name, said)
        });
        Self {
            objects: objects.into(),
        }
    }

    /// Asserts that Docker says what it said in the beginning.
    #[track_caller]
    pub(crate) fn check(&self) {
        for (kind, name, said) in &self.objects {
            assert_eq!(&inspect(kind, name), said);
        }
    }

    /// Asserts that the volumes hold what they held, and takes everything away.
    #[track_caller]
    pub(crate) fn uproot(&self) {
        self.check();
        for (kind, name, _) in &self.objects {
            if *kind == "volume" {
                assert_eq!(in_volume(name, "cat /v/word"), WORD);
            }
        }
        for (kind, name, _) in &self.objects {
            let force: &[&str] = if *kind == "container" {
                &["--force"]
            } else {
                &[]
            };
            docker::docker(&[&[kind, "rm"], force, &[name]].concat());
        }
    }
}

/// Returns what tells an object from any other of its name.
fn inspect(kind: &str, name: &str) -> String {
    let format = match kind {
        "volume" => "{{.Name}} {{.CreatedAt}} {{.Labels}}",
        "container" => "{{.Id}} {{.State.StartedAt}} {{.State.Status}}",
        _ => "{{.ID}} {{.CreatedAt}} {{.Version}} {{.Spec.Labels}}",
    };
    docker::docker(&[kind, "inspect", "--format", format, name])
}

/// Runs a command on a volume and returns what it prints.
fn in_volume(volume: &str, command: &str) -> String {
    let mount = format!("{volume}:/v");
    let run = ["run", "--rm", "--network", "none", "--volume", &mount];
    docker::docker(&[&run[..], &[IMAGE, "sh", "-c", command]].concat())
}
