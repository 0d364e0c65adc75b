//! No value of a secret is on the screen or in a file that outlives the run.

use std::fs;

use base64::{Engine, prelude::BASE64_STANDARD};

use crate::harness::{Deployer, World, files};

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

/// Runs wordpress with a test that gives its secrets away.
fn run_with_a_talkative_test(deployer: Deployer) {
    let world = World::of_example("wordpress", deployer);
    let out = world.path("given-away");
    fs::create_dir(&out).expect("it is ours");
    let copy = COPY.replace("@OUT@", out.to_str().expect("it is text"));
    world.keep_program("test_copy.sh", &copy);
    let call = world.test().args(&["--stages", "install,custom", "-v"]);
    let judged = call.run().judged(100);
    let mut values = Vec::new();
    for path in files(&out) {
        values.push(fs::read(path).expect("the test wrote it"));
    }
    assert_eq!(values.len(), 2, "the passwords of the database");
    for value in values {
        assert!(value.len() >= 16, "{value:?}");
        let hex = value
            .iter()
            .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let base64 = BASE64_STANDARD.encode(&value);
        let forms = [value.as_slice(), hex.as_bytes(), base64.as_bytes()];
        let shows = |bytes: &[u8]| {
            forms
                .iter()
                .any(|form| bytes.windows(form.len()).any(|window| window == *form))
        };
        assert!(!shows(judged.screen.as_bytes()), "{}", judged.screen);
        for path in files(&world.path("state")) {
            let bytes = fs::read(&path).expect("it is ours");
            assert!(!shows(&bytes), "in {}", path.display());
        }
    }
}

#[test]
fn no_secret_outlives_a_run() {
    run_with_a_talkative_test(Deployer::Docker);
}

#[test]
fn no_secret_outlives_a_run_with_abra() {
    run_with_a_talkative_test(Deployer::Abra);
}
