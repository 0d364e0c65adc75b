//! `ccci list`: what it shows to people and to programs, and how soon.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::world::World;

/// Writes the report of a run.
fn write_report(world: &World, run: &str, recipe: &str, started: &str, more: &Value) {
    let mut report = json!({
        "version": 1, "run_id": run, "started": started, "updated": started, "stages": [],
        "plan": {"recipe": recipe, "head": {
            "label": "1.1.0+2", "version": "1.1.0+2", "uncommitted": false, "lightweight": false,
        }},
        "finished": {"verdict": "pass", "level": 5},
    });
    let report = report.as_object_mut().expect("it is one");
    report.extend(more.as_object().expect("more keys are given").clone());
    let text = Value::Object(report.clone()).to_string();
    world.write(&format!("state/runs/{run}/report.json"), &text);
}

/// Makes a world with two recipes that are enrolled and one that was tested only.
fn tested() -> World {
    let world = World::new();
    world.write("here/recipes-tests/blog/recipe.toml", "");
    world.write("here/recipes-tests/wiki/recipe.toml", "");
    let stages = json!([{"checks": [{"outcome": "flaky"}, {"outcome": "pass"}]}]);
    write_report(&world, "aaaaa", "blog", "2020-01-01T10:00:00Z", &json!({}));
    let failed = json!({"verdict": "fail", "level": 2});
    let more = json!({"finished": failed, "stages": stages});
    write_report(&world, "bbbbb", "blog", "2020-01-02T10:00:00Z", &more);
    let crashed = json!({"finished": null});
    write_report(&world, "ccccc", "attic", "2020-01-03T10:00:00Z", &crashed);
    world
}

/// Returns a table with the days, which grow, hidden.
fn without_days(table: &str) -> String {
    let is_days = |word: &str| word.len() == 4 && word.chars().all(|c| c.is_ascii_digit());
    let words = table
        .split(' ')
        .map(|word| if is_days(word) { "NNNN" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn people_read_a_table() {
    let called = tested().ccci(&["list"]);
    assert_eq!((called.code, called.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(without_days(&called.stdout), @r"
recipe  level          version  last run                   flaky
blog    2, NNNN d ago  1.1.0+2  bbbbb fail, NNNN d ago     1
wiki    -              -        never tested               -

tested, but not enrolled:
attic   -              1.1.0+2  ccccc crashed, NNNN d ago  -
");
}

#[test]
fn programs_read_a_document() {
    let called = tested().ccci(&["list", "--json"]);
    assert_eq!((called.code, called.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(called.stdout, @r#"
{
  "v": 1,
  "recipes": [
    {
      "recipe": "blog",
      "enrolled": true,
      "level": {
        "level": 2,
        "run_id": "bbbbb",
        "version": "1.1.0+2",
        "at": "2020-01-02T10:00:00Z"
      },
      "last_run": {
        "run_id": "bbbbb",
        "outcome": "fail",
        "version": "1.1.0+2",
        "at": "2020-01-02T10:00:00Z"
      },
      "runs": 2,
      "flaky": 1
    },
    {
      "recipe": "wiki",
      "enrolled": true,
      "level": null,
      "last_run": null,
      "runs": 0,
      "flaky": 0
    },
    {
      "recipe": "attic",
      "enrolled": false,
      "level": null,
      "last_run": {
        "run_id": "ccccc",
        "outcome": "crashed",
        "version": "1.1.0+2",
        "at": "2020-01-03T10:00:00Z"
      },
      "runs": 1,
      "flaky": 0
    }
  ],
  "damaged": []
}
"#);
}

#[test]
fn a_terminal_gets_colour_and_its_width_and_no_color_takes_the_colour_alone() {
    let world = tested();
    let mut forced = world.command(&["list"]);
    let coloured = world.call(forced.env("CCCI_FORCE_TTY", "50").env("TERM", "xterm"));
    assert!(coloured.stdout.contains("\u{1b}[31m"), "{coloured:?}");
    let plain = world.call(forced.env("NO_COLOR", "1"));
    assert!(!plain.stdout.contains('\u{1b}'), "{plain:?}");
    let widest = plain.stdout.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(50), "{plain:?}");
}

#[test]
fn a_damaged_report_is_named_and_the_rest_is_shown() {
    let world = tested();
    world.write("state/runs/ddddd/report.json", "{\"version\": 1,");
    let called = world.ccci(&["list"]);
    assert_eq!(called.code, 0);
    let wanted = "warning: the report of run `ddddd` is skipped: EOF while parsing";
    assert!(called.stderr.starts_with(wanted), "{called:?}");
    assert!(called.stdout.contains("bbbbb fail"), "{called:?}");
    let quiet = world.ccci(&["list", "-q"]);
    assert_eq!((quiet.code, quiet.stderr.as_str()), (0, ""));
    assert_eq!(quiet.stdout, called.stdout);
    let told: Value = serde_json::from_str(&world.ccci(&["list", "--json"]).stdout)
        .expect("a document is printed");
    assert_eq!(told["damaged"][0]["run_id"], "ddddd");
}

#[test]
fn that_nothing_is_enrolled_is_said_with_the_place_and_the_remedy() {
    let world = World::new();
    let called = world.ccci(&["list"]);
    assert_eq!((called.code, called.stdout.as_str()), (0, ""));
    insta::assert_snapshot!(called.stderr, @r"
note: no recipe is enrolled: there is no directory `$ROOT/here/recipes-tests`
hint: run `ccci enroll RECIPE`
");
    let json = world.ccci(&["list", "--json"]);
    let told: Value = serde_json::from_str(&json.stdout).expect("a document is printed");
    assert_eq!(told["recipes"], json!([]));
    world.write("here/recipes-tests/README.md", "");
    let called = world.ccci(&["list"]);
    assert!(
        called
            .stderr
            .contains("`$ROOT/here/recipes-tests` holds no tests"),
        "{called:?}"
    );
}

#[test]
fn a_thousand_recipes_and_five_hundred_runs_are_listed_at_once() {
    let world = World::new();
    for number in 0..1000 {
        world.write(
            &format!("here/recipes-tests/recipe-{number}/recipe.toml"),
            "",
        );
    }
    let check = json!({"outcome": "pass", "name": "x".repeat(200), "trouble": null});
    let stage = json!({"stage": "install", "checks": vec![check; 40]});
    let letters = ["a", "b", "c", "d", "e", "f", "g", "h"];
    for number in 0..500 {
        let digits = [number / 64, number / 8 % 8, number % 8];
        let run: String = digits.map(|digit| letters[digit]).concat();
        let more = json!({"stages": vec![stage.clone(); 5]});
        let recipe = format!("recipe-{number}");
        write_report(
            &world,
            &format!("{run}aa"),
            &recipe,
            "2020-01-01T10:00:00Z",
            &more,
        );
    }
    let begun = Instant::now();
    let called = world.ccci(&["list"]);
    let took = begun.elapsed();
    assert_eq!(called.stdout.lines().count(), 1001, "{}", called.stderr);
    // A build with all checks on a busy machine; one with none takes a tenth of it.
    assert!(took < Duration::from_secs(10), "{took:?}");
}
