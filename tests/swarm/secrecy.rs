//! No value of a secret is on the screen or in a file that outlives the run.

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE},
};

use crate::harness::{Call, Deployer, World, files};

/// A token for git, with characters that are written otherwise in JSON, in addresses, in HTML and by shells.
const TOKEN: &str = "t0ken/of+git&<for>\"tests\"'%7E=";
/// Copies each secret of each container of the app to a folder outside the records.
const COPY: &str = r#"for c in $(docker ps --quiet --filter label=com.docker.stack.namespace="$CCCI_STACK"); do
  for s in $(docker exec "$c" ls /run/secrets); do
    docker exec "$c" cat "/run/secrets/$s" > "@OUT@/$s"
    docker exec "$c" cat "/run/secrets/$s"
    docker exec "$c" sh -c "base64 /run/secrets/$s; tr -d '\n' < /run/secrets/$s | od -An -tx1 | tr -d ' \n'; echo"
  done
done
exit 1
"#;

/// Returns the spellings in which a value must not be seen; of base64 those characters that no neighbour changes.
fn forms(value: &[u8]) -> Vec<Vec<u8>> {
    let hex = value
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let text = String::from_utf8(value.to_owned()).expect("it is text");
    let json = serde_json::to_string(&text).expect("text is JSON");
    let percent = value.iter().fold(String::new(), |all, byte| {
        let kept = byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
        all + &if kept {
            char::from(*byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    });
    let mut forms = vec![
        text,
        hex.to_uppercase(),
        hex,
        json[1..json.len() - 1].to_owned(),
        percent,
    ];
    for before in 0..3 {
        let long = [&b"xy"[..before], value].concat();
        let (first, last) = ((before * 8).div_ceil(6), long.len() * 8 / 6);
        for engine in [BASE64_STANDARD, BASE64_URL_SAFE] {
            forms.push(engine.encode(&long)[first..last].to_owned());
        }
    }
    forms.into_iter().map(String::into_bytes).collect()
}

/// Tells whether bytes hold a value in some form.
fn shows(bytes: &[u8], forms: &[Vec<u8>]) -> Option<String> {
    let found = forms.iter().find(|form| {
        bytes
            .windows(form.len())
            .any(|window| window == form.as_slice())
    });
    found.map(|form| String::from_utf8_lossy(form).into_owned())
}

/// A world whose tests give its secrets away.
struct Talkative {
    /// The world.
    world: World,
    /// The folder of the values.
    out: PathBuf,
}

impl Talkative {
    /// Makes one with the passwords of a database and a token for git.
    fn new(deployer: Deployer) -> Self {
        let world = World::of_example("wordpress", deployer);
        let out = world.path("given-away");
        fs::create_dir(&out).expect("it is ours");
        fs::write(out.join("token"), TOKEN).expect("it is ours");
        let told = |text: &str| text.replace("@OUT@", out.to_str().expect("it is text"));
        world.keep_program("test_copy.sh", &told(COPY));
        world.keep(
            "test_leaks.py",
            &told(include_str!("attacks/test_leaks.py")),
        );
        Self { world, out }
    }

    /// Begins a run whose tests speak.
    fn call(&self) -> Call<'_> {
        let call = self.world.test().args(&["--stages", "install,custom"]);
        call.env("CCCI_GIT_TOKEN", TOKEN)
    }

    /// Asserts that nothing shows a value: no text, no file and no name of a file.
    #[track_caller]
    fn check(&self, texts: &[&str], places: &[&Path]) {
        let values: Vec<_> = files(&self.out).iter().map(fs::read).collect();
        assert_eq!(
            values.len(),
            3,
            "the token, and the passwords of the database"
        );
        for value in values {
            let value = value.expect("the test wrote it");
            assert!(value.len() >= 16, "{value:?}");
            let forms = forms(&value);
            for text in texts {
                assert_eq!(shows(text.as_bytes(), &forms), None, "{text}");
            }
            for path in places.iter().flat_map(|place| files(place)) {
                let name = path.display().to_string();
                assert_eq!(shows(name.as_bytes(), &forms), None, "{name}");
                let bytes = fs::read(&path).expect("it is ours");
                assert_eq!(shows(&bytes, &forms), None, "in {name}");
            }
        }
    }
}

/// Runs wordpress with tests that give its secrets away.
fn run_with_talkative_tests(deployer: Deployer) {
    let talkative = Talkative::new(deployer);
    let judged = talkative.call().args(&["-v"]).run().judged(100);
    for name in [
        "test_prints[[secret]]",
        "test_compares[[secret]]",
        "test_keeps",
    ] {
        let junit = format!("{:?}", judged.records.junit);
        assert!(junit.contains(name), "no `{name}` in {junit}");
    }
    let state = talkative.world.path("state");
    talkative.check(&[&judged.screen], &[&state]);
    let masked = judged.has_evidence("artifacts/of-[secret]/[secret].txt", "[secret]");
    masked.has_evidence("artifacts/[secret].bin", "[secret]");
}

#[test]
fn no_secret_outlives_a_run() {
    run_with_talkative_tests(Deployer::Docker);
}

#[test]
fn no_secret_outlives_a_run_with_abra() {
    run_with_talkative_tests(Deployer::Abra);
}

#[test]
fn no_secret_is_told_to_machines_or_to_a_page_of_ci() {
    let talkative = Talkative::new(Deployer::Docker);
    let path = |name: &str| {
        let path = talkative.world.path(name);
        path.into_os_string().into_string().expect("it is text")
    };
    let args = [
        "--message-format",
        "json",
        "--no-capture",
        "--log-dir",
        &path("logs"),
        "--junit",
        &path("junit.xml"),
    ];
    let call = talkative.call().args(&args);
    let call = call.env("GITHUB_ACTIONS", "true").env("CI", "true");
    let ran = call.env("GITHUB_STEP_SUMMARY", &path("page.md")).run();
    assert_eq!(ran.code, Some(100), "{}", ran.stderr);
    let written = ["junit.xml", "page.md"].map(|name| {
        let text = fs::read_to_string(talkative.world.path(name)).expect("it was asked for");
        assert!(text.contains("[secret]"), "{name}: {text}");
        text
    });
    let [state, logs] = ["state", "logs"].map(|name| talkative.world.path(name));
    let said = [ran.stdout.as_str(), &ran.stderr, &written[0], &written[1]];
    assert!(said[0].contains("[secret]"), "{}", said[0]);
    talkative.check(&said, &[&state, &logs]);
}
