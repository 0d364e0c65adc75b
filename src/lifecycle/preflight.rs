//! What is asked of the machine before anything is done: programs, engine, swarm, network, disk, state directory.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    thread,
};

use super::{classify, fetch};
use crate::{
    config::{
        layer::Origin,
        settings::{Settings, State},
    },
    model::{
        input::{DeployerChoice, IngressChoice},
        outcome::{Fault, Trouble},
        run::IngressKind,
    },
    sys::beside::beside,
    tool::{
        docker::{
            client::{self, Docker},
            stack::{OLDEST_CLIENT, Swarm, Versions},
        },
        git::Git,
    },
};

/// The network that apps and the proxy share.
pub(super) const PROXY_NETWORK: &str = "proxy";
/// The port that a proxy answers on.
pub(super) const HTTPS: u32 = 443;
/// The permission bit that lets everybody write.
const WRITABLE_BY_ALL: u32 = 0o002;
/// File systems whose locks do not hold across machines, by the number that the kernel gives them, with their names.
const REMOTE: [(u64, &str); 3] = [(0x6969, "NFS"), (0x517b, "SMB"), (0xff53_4d42, "CIFS")];

/// What the engine said.
#[derive(Debug)]
pub(crate) struct Ground {
    /// The versions of docker's client and of git, by name.
    pub(crate) versions: BTreeMap<String, String>,
    /// How apps are reached.
    pub(crate) ingress: IngressKind,
    /// Where the engine keeps its data.
    pub(crate) docker_root: PathBuf,
}

/// Finds a program that a setting names.
pub(crate) fn find_program(
    settings: &Settings,
    word: &str,
    program: &Path,
) -> Result<PathBuf, Trouble> {
    which::which(program).map_err(|error| {
        let key = format!("programs.{word}");
        let mut all = settings.shown.iter();
        let origin = all
            .find(|shown| shown.key == key)
            .map(|shown| &shown.origin);
        missing_program(word, program, origin.unwrap_or(&Origin::BuiltIn))
            .because(error.to_string())
    })
}

/// Finds abra where it is what deploys; nothing where docker alone does.
pub(crate) fn find_abra(settings: &Settings) -> Result<Option<PathBuf>, Trouble> {
    let find = || find_program(settings, "abra", &settings.programs.abra);
    match settings.server.deployer {
        DeployerChoice::Docker => Ok(None),
        DeployerChoice::Abra => find().map(Some),
        DeployerChoice::Auto => match find() {
            // A setting that names no program is a mistake; a machine without abra is not.
            Err(trouble) if trouble.fault != Fault::Config => Ok(None),
            found => found.map(Some),
        },
    }
}

/// Says that a program is missing: a setting that names it is wrong, a machine without it is broken.
fn missing_program(word: &str, program: &Path, origin: &Origin) -> Trouble {
    let shown = program.display();
    if *origin == Origin::BuiltIn {
        return Trouble::broken("program-missing", format!("found no program `{shown}`")).hint(
            format!("install {word}, or set `programs.{word}` to where it is"),
        );
    }
    let message = format!("`programs.{word}` ({origin}) names `{shown}`, which is no program");
    Trouble::new(Fault::Config, "program-missing", message)
        .hint(format!("set `programs.{word}` to where {word} is"))
}

/// Asks the engine, all questions at once.
pub(crate) fn survey(
    docker: &Docker,
    git: &Git<'_>,
    settings: &Settings,
) -> Result<Ground, Trouble> {
    let choice = settings.server.ingress;
    let (git_version, versions, engine, network, publishers) = thread::scope(|scope| {
        let git_version = beside(scope, || git.version());
        let versions = beside(scope, || docker.versions());
        let engine = beside(scope, || docker.engine());
        let network = beside(scope, || docker.swarm_network(PROXY_NETWORK));
        let publishers = match choice {
            IngressChoice::Auto => docker.networks_publishing(HTTPS),
            IngressChoice::Proxy | IngressChoice::Direct => Ok(Vec::new()),
        };
        (
            git_version.join(),
            versions.join(),
            engine.join(),
            network.join(),
            publishers,
        )
    });
    let explain = |error: client::Error| classify::docker_error(&error);
    let versions = versions.map_err(explain)?;
    check_client(&versions)?;
    check_engine(&versions)?;
    let engine = engine.map_err(explain)?;
    check_swarm(&engine.swarm)?;
    check_disk(
        Path::new(&engine.docker_root_dir),
        settings.state.disk_floor,
    )?;
    let network = network.map_err(explain)?.ok_or_else(no_network)?;
    let ingress = ingress(choice, &network, &publishers.map_err(explain)?);
    let git_version = git_version.map_err(|error| fetch::trouble(&error))?;
    let versions = [("docker", versions.client.version), ("git", git_version)];
    Ok(Ground {
        versions: versions
            .map(|(name, version)| (name.to_owned(), version))
            .into(),
        ingress,
        docker_root: engine.docker_root_dir.into(),
    })
}

/// Checks that the client is new enough.
pub(super) fn check_client(versions: &Versions) -> Result<(), Trouble> {
    if versions.client_major() >= Some(OLDEST_CLIENT) {
        return Ok(());
    }
    let found = &versions.client.version;
    let message = format!(
        "the docker client is {found}, and {OLDEST_CLIENT} is the oldest that merges compose files"
    );
    Err(Trouble::broken("docker-too-old", message).hint(format!(
        "install a docker client of version {OLDEST_CLIENT} or newer; the engine may stay"
    )))
}

/// Checks that the engine answers, and tells one that is stopped from one that this user may not use.
pub(super) fn check_engine(versions: &Versions) -> Result<(), Trouble> {
    if versions.server.is_some() {
        return Ok(());
    }
    let said = versions.complaint.as_deref().unwrap_or_default();
    let trouble = if said.contains("permission denied") {
        Trouble::broken("daemon-refuses", "this user may not use docker's socket").hint(
            "run `sudo usermod --append --groups docker $USER`, and log in again; \
             whoever is in that group has the rights of root",
        )
    } else {
        Trouble::broken("daemon-gone", "the docker daemon does not answer")
            .hint("run `sudo systemctl start docker`, or set `DOCKER_HOST` to where it is")
    };
    Err(match said {
        "" => trouble,
        said => trouble.because(said),
    })
}

/// Checks that this node manages a swarm.
pub(super) fn check_swarm(swarm: &Swarm) -> Result<(), Trouble> {
    let state = &swarm.local_node_state;
    match (state.as_str(), swarm.control_available) {
        ("active", true) => Ok(()),
        ("active", false) => Err(Trouble::broken(
            "no-swarm",
            "this node does not manage its swarm",
        )
        .hint("run ccci on a manager, or run `docker node promote` for this node there")),
        ("locked", _) => {
            Err(Trouble::broken("no-swarm", "the swarm is locked")
                .hint("run `docker swarm unlock`"))
        }
        _ => Err(
            Trouble::broken("no-swarm", format!("there is no swarm here: it is {state}"))
                .hint("run `docker swarm init`"),
        ),
    }
}

/// Says that apps have no network to share.
pub(super) fn no_network() -> Trouble {
    let message = format!("there is no network `{PROXY_NETWORK}` on the swarm");
    Trouble::broken("no-proxy-network", message).hint(format!(
        "run `docker network create --driver overlay --attachable {PROXY_NETWORK}`"
    ))
}

/// Decides how apps are reached, from the networks on which something answers as a proxy would.
pub(super) fn ingress(
    choice: IngressChoice,
    network: &String,
    publishers: &[String],
) -> IngressKind {
    let through_proxy = match choice {
        IngressChoice::Proxy => true,
        IngressChoice::Direct => false,
        IngressChoice::Auto => publishers.contains(network),
    };
    if through_proxy {
        IngressKind::Proxy
    } else {
        IngressKind::Direct
    }
}

/// What a file system has and has left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// The bytes that this user may still write.
    pub(super) free: u64,
    /// The files that this user may still make.
    pub(super) free_files: u64,
    /// The files in all; zero where the file system does not count them.
    pub(super) files: u64,
}

impl Room {
    /// Asks about the file system of a path; one that is on another machine cannot be asked.
    pub(super) fn at(path: &Path) -> Option<Self> {
        let stat = rustix::fs::statvfs(path).ok()?;
        Some(Self {
            free: stat.f_bavail.saturating_mul(stat.f_frsize),
            free_files: stat.f_favail,
            files: stat.f_files,
        })
    }

    /// Checks that it is enough for a run.
    pub(super) fn check(self, path: &Path, floor: u64) -> Result<(), Trouble> {
        let shown = path.display();
        if self.free < floor {
            let message = format!(
                "{} are free on the disk of `{shown}`, and a run needs {}",
                size(self.free),
                size(floor)
            );
            return Err(Trouble::broken("disk-full", message)
                .hint("make room, or lower `state.disk-floor`"));
        }
        if self.files > 0 && self.free_files == 0 {
            let message = format!("no more file can be made on the disk of `{shown}`");
            return Err(Trouble::broken("disk-full", message)
                .hint("remove files there: the file system has no inode left"));
        }
        Ok(())
    }
}

/// Checks that a directory has room, where that can be asked.
pub(super) fn check_disk(path: &Path, floor: u64) -> Result<(), Trouble> {
    Room::at(path).map_or(Ok(()), |room| room.check(path, floor))
}

/// Shows a size.
pub(super) fn size(bytes: u64) -> String {
    let mebi = bytes >> 20;
    if mebi >= 1024 {
        format!("{}.{} GiB", mebi / 1024, mebi % 1024 * 10 / 1024)
    } else {
        format!("{mebi} MiB")
    }
}

/// Makes the state directory, and checks that runs can be recorded and locked there.
pub(crate) fn prepare_state(state: &State) -> Result<(), Trouble> {
    make_state(&state.dir)?;
    check_state(&state.dir)?;
    check_disk(&state.dir, state.disk_floor)
}

/// Makes the state directory, for its owner alone.
pub(super) fn make_state(dir: &Path) -> Result<(), Trouble> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|said| unusable(dir, &said))
}

/// Checks that runs can be recorded and locked in a directory that is there.
pub(super) fn check_state(dir: &Path) -> Result<(), Trouble> {
    let shown = dir.display();
    let unusable = |said: io::Error| unusable(dir, &said);
    let mode = fs::metadata(dir).map_err(unusable)?.mode();
    if mode & WRITABLE_BY_ALL != 0 {
        let message = format!("everybody can write to the state directory `{shown}`");
        return Err(Trouble::new(Fault::Config, "state-open", message)
            .hint(format!("run `chmod o-w {shown}`")));
    }
    let system = rustix::fs::statfs(dir).map_err(|error| unusable(error.into()))?;
    // The kernel's number is signed on some machines and narrow on others.
    let number = u64::try_from(system.f_type).unwrap_or_default();
    if let Some((_, name)) = REMOTE.iter().find(|(magic, _)| *magic == number) {
        let message =
            format!("the state directory `{shown}` is on {name}, where locks do not hold");
        return Err(Trouble::new(Fault::Config, "state-unlockable", message)
            .hint("set `state.dir` to a directory on a disk of this machine"));
    }
    let file = tempfile::tempfile_in(dir).map_err(unusable)?;
    file.try_lock()
        .map_err(|error| unusable(io::Error::from(error)))
}

/// Says that the state directory cannot be used.
pub(super) fn unusable(dir: &Path, said: &io::Error) -> Trouble {
    let message = format!("the state directory `{}` cannot be used", dir.display());
    Trouble::new(Fault::Config, "state-unwritable", message)
        .because(said.to_string())
        .hint("set `state.dir` to a directory that this user can write")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::tool::docker::stack::Version;

    fn versions(client: &str, server: Option<&str>) -> Versions {
        let version = |text: &str| Version {
            version: text.to_owned(),
        };
        Versions {
            client: version(client),
            server: server.map(version),
            complaint: None,
        }
    }

    fn swarm(state: &str, manager: bool) -> Swarm {
        Swarm {
            local_node_state: state.to_owned(),
            control_available: manager,
        }
    }

    #[test]
    fn an_old_client_and_a_silent_engine_are_told_apart() {
        let code = |versions| {
            let checked = check_client(&versions).and_then(|()| check_engine(&versions));
            checked.map_err(|trouble| trouble.code)
        };
        assert_eq!(code(versions("25.0.0", Some("20.10.24"))), Ok(()));
        let too_old = Err("docker-too-old".to_owned());
        assert_eq!(code(versions("24.0.7", Some("24.0.7"))), too_old);
        assert_eq!(code(versions("dev", None)), too_old);
        let gone = Err("daemon-gone".to_owned());
        assert_eq!(code(versions("28.2.2", None)), gone);
    }

    #[test]
    fn an_engine_that_is_stopped_and_one_that_may_not_be_used_have_remedies_of_their_own() {
        let hint = |said: &str| {
            let silent = Versions {
                complaint: Some(said.to_owned()),
                ..versions("28.2.2", None)
            };
            let trouble = check_engine(&silent).unwrap_err();
            assert_eq!(trouble.causes, [said]);
            trouble.hint.unwrap()
        };
        let stopped = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.";
        assert!(hint(stopped).starts_with("run `sudo systemctl start docker`"));
        let refused = "permission denied while trying to connect to the Docker daemon socket";
        assert!(hint(refused).starts_with("run `sudo usermod"));
    }

    #[test]
    fn a_swarm_that_cannot_be_used_comes_with_the_command_to_run() {
        assert!(check_swarm(&swarm("active", true)).is_ok());
        for (state, manager, command) in [
            ("active", false, "docker node promote"),
            ("locked", false, "docker swarm unlock"),
            ("inactive", false, "docker swarm init"),
        ] {
            let trouble = check_swarm(&swarm(state, manager)).unwrap_err();
            assert_eq!(trouble.fault, Fault::Broken);
            assert!(trouble.hint.unwrap().contains(command), "{state}");
        }
    }

    #[test]
    fn the_proxy_is_taken_where_something_answers_on_its_network() {
        let network = "aaa".to_owned();
        let auto = |publishers: &[String]| ingress(IngressChoice::Auto, &network, publishers);
        assert_eq!(auto(&[]), IngressKind::Direct);
        assert_eq!(auto(&["bbb".to_owned()]), IngressKind::Direct);
        assert_eq!(
            auto(&["bbb".to_owned(), network.clone()]),
            IngressKind::Proxy
        );
        let asked = ingress(IngressChoice::Proxy, &network, &[]);
        assert_eq!(asked, IngressKind::Proxy);
    }

    #[test]
    fn a_missing_program_is_the_settings_fault_only_when_one_names_it() {
        let path = Path::new("/no/such/docker");
        let built_in = missing_program("docker", path, &Origin::BuiltIn);
        assert_eq!(built_in.fault, Fault::Broken);
        let named = missing_program("docker", path, &Origin::Environment("CCCI_DOCKER"));
        assert_eq!(named.fault, Fault::Config);
        insta::assert_snapshot!(named, @"`programs.docker` (environment: CCCI_DOCKER) names `/no/such/docker`, which is no program");
    }

    #[test]
    fn a_disk_below_the_floor_is_broken_and_an_unknown_path_is_no_proof() {
        let trouble = check_disk(Path::new("/"), u64::MAX).unwrap_err();
        assert_eq!(
            (trouble.code.as_str(), trouble.fault),
            ("disk-full", Fault::Broken)
        );
        assert!(check_disk(Path::new("/"), 0).is_ok());
        assert!(check_disk(Path::new("/no/such/dir"), u64::MAX).is_ok());
        let crowded = Room {
            free_files: 0,
            files: 10,
            ..Room::at(Path::new("/")).unwrap()
        };
        let trouble = crowded.check(Path::new("/"), 0).unwrap_err();
        assert_eq!(trouble.code, "disk-full");
        let uncounted = Room {
            files: 0,
            ..crowded
        };
        assert!(uncounted.check(Path::new("/"), 0).is_ok());
        assert_eq!(size(2 << 30), "2.0 GiB");
        assert_eq!(size((1 << 30) + (512 << 20)), "1.5 GiB");
        assert_eq!(size(512 << 20), "512 MiB");
    }

    #[test]
    fn a_state_directory_is_made_private_and_refused_when_it_is_open() {
        let root = tempfile::tempdir().unwrap();
        let mut state = State {
            dir: root.path().join("a/b"),
            disk_floor: 0,
            keep_runs: 1,
            keep_size: 1,
            keep_age: std::time::Duration::from_secs(1),
        };
        prepare_state(&state).unwrap();
        let mode = fs::metadata(&state.dir).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        fs::set_permissions(&state.dir, fs::Permissions::from_mode(0o777)).unwrap();
        let trouble = prepare_state(&state).unwrap_err();
        assert_eq!(
            (trouble.code.as_str(), trouble.fault),
            ("state-open", Fault::Config)
        );
        assert!(trouble.hint.unwrap().starts_with("run `chmod o-w "));
        state.dir = root.path().join("file");
        fs::write(&state.dir, "").unwrap();
        assert_eq!(prepare_state(&state).unwrap_err().code, "state-unwritable");
    }
}
