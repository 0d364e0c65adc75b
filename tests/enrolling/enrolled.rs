//! `ccci enroll` without a terminal: what is written is accepted at once, and what cannot be enrolled leaves nothing.

use std::fs;

use crate::{
    repository,
    world::{Called, World},
};

/// A service with a page, whose health check asks for a path.
const PAGE: &str = r#"services:
  app:
    image: x:1
    healthcheck:
      test: ["CMD", "curl", "-f", "http://localhost:8080/up"]
    deploy:
      labels:
        - "traefik.enable=true"
        - "traefik.http.services.${STACK_NAME}.loadbalancer.server.port=8080"
        - "traefik.http.routers.${STACK_NAME}.rule=Host(`${DOMAIN}`)"
"#;

/// Enrolls a recipe and asserts that what was written is accepted: parsed, planned, and every file of it run.
#[track_caller]
fn enroll(world: &World, recipe: &str, flags: &[&str]) -> (Called, String) {
    let target = format!("./{recipe}");
    let enrolled = world.ccci(&[&["enroll", &target], flags].concat());
    assert_eq!(
        (enrolled.code, enrolled.stdout.as_str()),
        (0, ""),
        "{enrolled:?}"
    );
    let folder = format!("here/recipes-tests/{recipe}");
    for name in world.names(&folder) {
        let path = format!("{folder}/{name}");
        match name.rsplit('.').next() {
            Some("sh") => world.check_with("sh", &["-n"], &path),
            Some("py") => {
                let compile = "import sys; compile(open(sys.argv[1]).read(), sys.argv[1], 'exec')";
                world.check_with("python3", &["-c", compile], &path);
            }
            _ => {}
        }
    }
    let planned = world.ccci(&["test", &target, "--dry-run"]);
    assert_eq!(planned.code, 0, "{planned:?}");
    assert!(!planned.stdout.contains("refused"), "{planned:?}");
    (enrolled, planned.stdout)
}

/// Returns the text of a file that was written.
fn written(world: &World, recipe: &str, name: &str) -> String {
    let path = world.path(&format!("here/recipes-tests/{recipe}/{name}"));
    fs::read_to_string(path).expect("it was written")
}

#[test]
fn the_examples_are_enrolled_with_what_they_say_of_themselves() {
    for (example, path) in [
        ("static-site", "/healthz"),
        ("wordpress", "/"),
        ("matrix-synapse", "/.well-known/matrix/client"),
    ] {
        let world = World::new();
        world.have_pytest();
        repository::copy_example(example, &world.path(&format!("here/{example}")));
        let (_, plan) = enroll(&world, example, &[]);
        let toml = written(&world, example, "recipe.toml");
        assert!(
            toml.contains(&format!("health-path = \"{path}\"\n")),
            "{toml}"
        );
        assert!(plan.contains("test_custom_first.py"), "{plan}");
        assert!(plan.contains("upgrade   run"), "{plan}");
    }
}

#[test]
fn people_read_what_was_found_written_and_what_comes_next() {
    let world = World::new();
    world.have_pytest();
    repository::copy_example("wordpress", &world.path("here/wordpress"));
    let (enrolled, _) = enroll(&world, "wordpress", &[]);
    insta::assert_snapshot!(enrolled.stderr, @r"
Reading wordpress in $ROOT/here/wordpress
  Found pages of `app` at port 80
  Found path `/`: the health check of `app` asks for it
  Found backup of db_data (backup.sql), wp_content
  Found database in `db`, MariaDB or MySQL
  Found upgrade from 1.0.0+6.1.1-apache
  Wrote recipes-tests/wordpress/recipe.toml
  Wrote recipes-tests/wordpress/test_custom_first.py
  Wrote recipes-tests/wordpress/PARITY.md
   Next ccci test ./wordpress
  Again ccci enroll ./wordpress --health-path / --example pytest --no-input
");
}

#[test]
fn the_command_that_is_shown_does_the_same_without_a_question() {
    let world = World::new();
    world.have_pytest();
    let sample = "SECRET_KEY_VERSION=v1 # generate=false\nADMIN_EMAIL=\n";
    let compose = format!(
        "{PAGE}    environment:\n      - ADMIN_EMAIL=${{ADMIN_EMAIL}}\n    secrets: [key]\nsecrets:\n  key:\n    external: true\n    name: ${{STACK_NAME}}_key_${{SECRET_KEY_VERSION}}\n"
    );
    world.write_recipe("blog", &compose, sample);
    let (enrolled, _) = enroll(
        &world,
        "blog",
        &["--contains", "It's \"up\"", "--secret", "key=hex:12"],
    );
    let again = enrolled
        .stderr
        .lines()
        .find_map(|line| line.trim().strip_prefix("Again "));
    let again = again.expect("it is shown");
    assert_eq!(
        again,
        r#"ccci enroll ./blog --health-path /up --contains 'It'\''s "up"' --secret key=hex:12 --env ADMIN_EMAIL=admin@example.org --example pytest --no-input"#
    );
    let first = world.names("here/recipes-tests/blog");
    assert_eq!(
        first,
        [
            "PARITY.md",
            "install_steps.sh",
            "recipe.toml",
            "test_custom_first.py"
        ]
    );
    let read = |name: &str| written(&world, "blog", name);
    let before: Vec<_> = first.iter().map(|name| read(name)).collect();
    fs::remove_dir_all(world.path("here/recipes-tests/blog")).expect("it is there");
    let ccci = env!("CARGO_BIN_EXE_ccci");
    let typed = again.replacen("ccci", ccci, 1);
    let mut shell = world.shell(&typed);
    let called = world.call(&mut shell);
    assert_eq!(called.code, 0, "{called:?}");
    let after: Vec<_> = first.iter().map(|name| read(name)).collect();
    assert_eq!(before, after);
}

#[test]
fn recipes_without_a_page_are_enrolled_with_what_they_have() {
    let world = World::new();
    world.have_pytest();
    let voice = "services:\n  voice:\n    image: x:1\n    ports:\n      - {target: 64738, published: 64738}\n      - {target: 64738, published: 64738, protocol: udp}\n";
    world.write_recipe("voice", voice, "");
    enroll(&world, "voice", &[]);
    let toml = written(&world, "voice", "recipe.toml");
    assert_eq!(toml.matches("port = 64738").count(), 2, "{toml}");
    assert_eq!(
        world.names("here/recipes-tests/voice"),
        ["PARITY.md", "recipe.toml"]
    );
    let worker = "services:\n  worker:\n    image: x:1\n    healthcheck:\n      test: test -e \"/tmp/it's up\"\n";
    world.write_recipe("worker", worker, "");
    enroll(&world, "worker", &[]);
    let test = written(&world, "worker", "test_custom_first.py");
    assert!(
        test.contains(r#"run_in("worker", "sh", "-c", "test -e \"/tmp/it's up\"")"#),
        "{test}"
    );
    world.write_recipe("bare", "services:\n  job:\n    image: x:1\n", "");
    enroll(&world, "bare", &[]);
}

#[test]
fn large_and_strange_recipes_are_enrolled() {
    let world = World::new();
    let services: Vec<_> = (0..300)
        .map(|n| format!("  s{n}:\n    image: x:1\n"))
        .collect();
    let services = services.concat();
    world.write_recipe(
        "huge",
        &format!("services:\n{services}"),
        &"#\n".repeat(20_000),
    );
    let (_, _) = enroll(&world, "huge", &[]);
    assert!(written(&world, "huge", "recipe.toml").contains("these 300 services"));
    let strange = PAGE.replace("/up", "/up?\\u0022]'$$(id)`id`&a=1").replace(
        "Host(`${DOMAIN}`)",
        "Host(`${DOMAIN}`) || Host(`x\\n[env]\\nA=1.${DOMAIN}`) || Host(`\\u001b[31m.elsewhere.org`)",
    );
    world.write_recipe("strange", &strange, "X=\"a # b\"\nEMPTY=\n");
    let (enrolled, _) = enroll(&world, "strange", &[]);
    assert!(!enrolled.stderr.contains('\u{1b}'), "{enrolled:?}");
    let toml = written(&world, "strange", "recipe.toml");
    assert!(
        !toml.contains("\n[env]") && !toml.contains('\u{1b}'),
        "{toml}"
    );
}

#[test]
fn a_value_that_nobody_can_guess_is_asked_for_by_its_flag() {
    let world = World::new();
    let compose = PAGE.replace("x:1", "x:${TAG:?say which}");
    world.write_recipe("blog", &compose, "");
    let refused = world.ccci(&["enroll", "./blog"]);
    assert_eq!(refused.code, 106, "{refused:?}");
    assert!(
        refused.stderr.ends_with(
            "error: the variable `TAG` needs a value\n    hint: give it with `--env TAG=VALUE`\n"
        ),
        "{refused:?}"
    );
    assert!(world.names("here/recipes-tests").is_empty());
    let (_, plan) = enroll(&world, "blog", &["--env", "TAG=2"]);
    assert!(plan.contains("install   run"), "{plan}");
    assert!(written(&world, "blog", "recipe.toml").contains("TAG = \"2\"\n"));
}

#[test]
fn what_cannot_be_enrolled_is_said_and_leaves_nothing() {
    let world = World::new();
    world.write("here/empty/README.md", "");
    world.write_recipe("torn", "services: [", "");
    let odd = "services:\n  app:\n    image: x:1\n    nonsense: 1\n";
    world.write_recipe("odd", odd, "");
    world.write_recipe("blog", PAGE, "");
    world.write("here/half/compose.yml", PAGE);
    for (words, code, said) in [
        (
            &["./empty"][..],
            2,
            "/empty` is no recipe: it has no `compose.yml`",
        ),
        (
            &["./missing"],
            2,
            "there is no checkout `$ROOT/here/./missing`",
        ),
        (&[], 4, "nothing to enroll"),
        (&["./torn"], 102, "`compose.yml` is refused"),
        (&["./odd"], 102, "the compose files do not make a stack"),
        (
            &["./half"],
            102,
            "file `.env.sample` is missing in the recipe",
        ),
        (&["./blog", "--src", "x/y"], 2, "are two sources"),
        (&["./blog", "--secret", "key=hex:8"], 2, "no secret `key`"),
        (
            &["./blog", "--upgrade-base", "1.0.0+1"],
            2,
            "no release `1.0.0+1`",
        ),
        (&["./blog", "--env", "DOMAIN=x"], 102, "variable `DOMAIN`"),
        (&["./blog", "--env", "A={domian}"], 2, "`{domain}`"),
        (&["./blog", "--health-path", "up"], 2, "begins with one `/`"),
    ] {
        let called = world.ccci(&[&["enroll"], words].concat());
        assert_eq!(called.code, code, "{words:?}: {called:?}");
        assert!(called.stderr.contains(said), "{words:?}: {called:?}");
        assert_eq!(called.stdout, "");
    }
    assert_eq!(world.names("here/recipes-tests"), [""; 0]);
    assert_eq!(world.names("tmp"), [""; 0]);
}

#[test]
fn what_is_there_stays_as_it_is() {
    let world = World::new();
    world.write_recipe("blog", PAGE, "");
    world.write("here/recipes-tests/blog/mine.txt", "mine");
    let called = world.ccci(&["enroll", "./blog"]);
    assert_eq!(called.code, 2);
    insta::assert_snapshot!(called.stderr, @r"
error: `$ROOT/here/recipes-tests/blog` is there already
    hint: change what is there, or remove the folder first
");
    assert_eq!(world.names("here/recipes-tests/blog"), ["mine.txt"]);
}

#[test]
fn a_dry_run_prints_the_files_and_writes_none() {
    let world = World::new();
    world.have_pytest();
    world.write_recipe("blog", PAGE, "");
    let called = world.ccci(&["enroll", "./blog", "--dry-run", "-q"]);
    assert_eq!((called.code, called.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(called.stdout, @r#"
==> recipes-tests/blog/recipe.toml <==
# Tests of the recipe `blog`, enrolled from a plain directory. All keys: docs/config.md.

# Tells whether the app can be reached: the health check of `app` asks for it.
health-path = "/up"

# No label asks for a backup, so backup and restore do not apply.

[[check]]
name = "answers"
path = "/up"
# Any answer but an error; narrow it down to the one that you expect.
status = ["200-399", "401", "403"]

==> recipes-tests/blog/test_custom_first.py <==
"""A first test of blog.

ccci brings fixtures such as `http` along; docs/testing-recipes.md tells of them all.
"""

# Any answer but an error; narrow it down to the one that you expect.
WELL = [*range(200, 400), 401, 403]


def test_the_app_answers_as_one_that_is_well(http):
    # Fails unless the status is one of these within so many seconds.
    http.get("/up", status=WELL, within=10)

==> recipes-tests/blog/PARITY.md <==
# What is verified of blog

| what | how |
|---|---|
| the path `/up` is answered after install, upgrade and restore | `recipe.toml` |
| the same path is answered, once more at the end | `test_custom_first.py` |

Not verified: what people do with the app, such as logging in or writing something down.
"#);
    assert!(world.names("here/recipes-tests").is_empty());
}

#[test]
fn in_a_checkout_the_checkout_is_meant_and_its_tests_belong_elsewhere() {
    let world = World::new();
    world.write_recipe("blog", PAGE, "");
    let mut here = world.command(&["enroll"]);
    here.current_dir(world.path("here/blog"));
    let refused = world.call(&mut here);
    assert_eq!(refused.code, 102, "{refused:?}");
    assert!(
        refused
            .stderr
            .contains("cannot lie in the recipe under test"),
        "{refused:?}"
    );
    let called = world.call(here.env("CCCI_TESTS_DIR", world.path("kept")));
    assert_eq!(called.code, 0, "{called:?}");
    assert_eq!(world.names("kept"), ["blog"]);
    assert!(called.stderr.contains("Next ccci test .\n"), "{called:?}");
}

#[test]
fn a_name_is_the_checkout_that_abra_has_where_it_has_one() {
    let world = World::new();
    let abra = world.path("home/.abra/recipes");
    fs::create_dir_all(&abra).expect("it can be made");
    repository::copy_example("static-site", &abra.join("static-site"));
    let called = world.ccci(&["enroll", "static-site"]);
    assert_eq!(called.code, 0, "{called:?}");
    let said = "Reading static-site in $ROOT/home/.abra/recipes/static-site\n";
    assert!(called.stderr.contains(said), "{called:?}");
    assert_eq!(world.names("here/recipes-tests"), ["static-site"]);
    let other = world.path("other");
    fs::create_dir_all(other.join("recipes")).expect("it can be made");
    repository::copy_example("wordpress", &other.join("recipes/wordpress"));
    let mut elsewhere = world.command(&["enroll", "wordpress"]);
    let called = world.call(elsewhere.env("ABRA_DIR", &other));
    assert!(
        called
            .stderr
            .contains("Next ccci test $ROOT/other/recipes/wordpress\n"),
        "{called:?}"
    );
}
