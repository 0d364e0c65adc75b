//! What arguments and the words of a CI engine select.

use super::*;
use crate::{
    cli::{self, Command},
    config::sample::settings_in,
};

/// A place with checkouts and tests kept for a recipe.
struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["custom-html", "Not A Name", "other"] {
            fs::create_dir_all(dir.path().join(name)).unwrap();
            fs::write(dir.path().join(name).join("compose.yml"), "").unwrap();
        }
        fs::create_dir_all(dir.path().join("recipes-tests/wiki")).unwrap();
        Self { dir }
    }

    fn root(&self) -> PathBuf {
        fs::canonicalize(self.dir.path()).unwrap()
    }

    /// Selects as `ccci test WORDS` would, in a directory and an environment.
    fn select_in(
        &self,
        dir: &str,
        words: &[&str],
        pairs: &[(&str, &str)],
    ) -> Result<Vec<Selected>, Error> {
        let argv = ["ccci", "test"].iter().chain(words).map(Into::into);
        let (cli, flags) = cli::parse(argv).unwrap();
        let Command::Test(args) = cli.command else {
            panic!("it is a test")
        };
        let mut all = vec![("HOME", "/no/such/home")];
        all.extend(pairs);
        let env = Environment::of(&all);
        let settings = settings_in(&self.root(), &flags, pairs);
        let dir = self.root().join(dir);
        Wish::read(&args, &env, &dir)?.resolve(&settings, &dir)
    }

    fn select(&self, words: &[&str]) -> Result<Vec<Selected>, Error> {
        self.select_in("", words, &[])
    }

    fn one(&self, words: &[&str], pairs: &[(&str, &str)]) -> RunRequest {
        let mut all = self.select_in("", words, pairs).unwrap();
        assert_eq!(all.len(), 1);
        all.remove(0).request
    }

    fn refusal(&self, words: &[&str]) -> String {
        let error = self.select(words).unwrap_err();
        assert_eq!(error.code(), 2, "{words:?}");
        error.trouble().message
    }
}

/// Returns a request's URL and trust.
fn remote(request: &RunRequest) -> (String, Trust) {
    match &request.source {
        Source::Remote { url, trust } => (url.to_string(), *trust),
        Source::Path(path) => panic!("{path:?} is no URL"),
    }
}

#[test]
fn only_a_release_of_an_enrolled_recipe_is_trusted() {
    let world = World::new();
    let trust = |words: &[&str]| remote(&world.one(words, &[])).1;
    assert_eq!(trust(&["wiki", "--version", "1.0.0+2"]), Trust::Trusted);
    for words in [
        &["wiki"][..],
        &["wiki", "--ref", "1.0.0+2"],
        &["wiki", "--version", "1.0.0+2", "--pr", "3"],
        &["wiki", "--version", "1.0.0+2", "--src", "ada/wiki"],
        &["n8n", "--version", "1.0.0+2"],
    ] {
        assert_eq!(trust(words), Trust::Untrusted, "{words:?}");
    }
}

#[test]
fn a_source_is_the_configured_one_or_the_one_given() {
    let world = World::new();
    let url = |words: &[&str]| remote(&world.one(words, &[])).0;
    assert_eq!(
        url(&["wiki"]),
        "https://git.coopcloud.tech/coop-cloud/wiki.git"
    );
    assert_eq!(
        url(&["wiki", "--src", "ada/fork"]),
        "https://git.coopcloud.tech/ada/fork.git"
    );
    let given = "https://git.example.org/ada/wiki.git";
    assert_eq!(url(&["wiki", "--src", given]), given);
    let named = world.one(&["--src", given], &[]);
    assert_eq!(named.recipe.as_str(), "wiki");
}

#[test]
fn a_checkout_is_called_by_its_directory_or_its_type() {
    let world = World::new();
    let request = world.one(&["./custom-html"], &[]);
    assert_eq!(request.recipe.as_str(), "custom-html");
    assert_eq!(
        request.source,
        Source::Path(world.root().join("custom-html"))
    );
    assert_eq!(request.wanted, Wanted::Default);
    let odd = "./Not A Name";
    assert!(world.refusal(&[odd]).contains("is not valid"));
    let sample = world.root().join(odd).join(".env.sample");
    fs::write(sample, "TYPE=wiki:1.0.0+2\nDOMAIN=x\n").unwrap();
    assert_eq!(world.one(&[odd], &[]).recipe.as_str(), "wiki");
}

#[test]
fn what_is_no_checkout_is_refused() {
    let world = World::new();
    assert!(world.refusal(&["./missing"]).contains("no checkout"));
    assert!(world.refusal(&["./recipes-tests"]).contains("no recipe"));
    let both = ["./other", "--src", "a/b"];
    assert!(world.refusal(&both).contains("two sources"));
    let several = ["wiki", "n8n", "--src", "a/b"];
    assert!(world.refusal(&several).contains("several"));
    assert!(
        world
            .refusal(&["wiki", "--src", "./other"])
            .contains("no URL")
    );
    let unclear = ["wiki", "--src", "a/b", "--pr", "3"];
    assert!(world.refusal(&unclear).contains("which commit"));
}

#[test]
fn without_arguments_the_checkout_around_us_is_tested() {
    let world = World::new();
    let found = world.select_in("custom-html", &[], &[]).unwrap();
    assert_eq!(found[0].request.recipe.as_str(), "custom-html");
    assert_eq!(found[0].request.stages, Stage::ALL);
    assert_eq!(world.select(&[]).unwrap(), []);
}

#[test]
fn a_ci_engine_names_what_no_argument_does() {
    let world = World::new();
    let words = [
        ("RECIPE", "wiki"),
        ("REF", "main"),
        ("PR", "12"),
        ("SRC", "ada/wiki"),
        ("STAGES", "upgrade,install"),
    ];
    let request = world.one(&[], &words);
    assert_eq!(request.recipe.as_str(), "wiki");
    assert_eq!(request.wanted, Wanted::Ref("main".to_owned()));
    assert_eq!(request.pr, Some(12));
    assert_eq!(request.stages, [Stage::Install, Stage::Upgrade]);
    let expected = "https://git.coopcloud.tech/ada/wiki.git".to_owned();
    assert_eq!(remote(&request), (expected, Trust::Untrusted));
    let request = world.one(&["--ref", "topic"], &words);
    assert_eq!(request.wanted, Wanted::Ref("topic".to_owned()));
}

#[test]
fn bare_words_without_a_recipe_are_somebody_elses() {
    let world = World::new();
    let words = [("REF", "main"), ("STAGES", "install")];
    let found = world.select_in("other", &[], &words).unwrap();
    assert_eq!(found[0].request.wanted, Wanted::Default);
    assert_eq!(found[0].request.stages, Stage::ALL);
    let request = world.one(&["wiki"], &words);
    assert_eq!(request.wanted, Wanted::Default);
}

#[test]
fn a_pull_request_without_a_ref_is_its_head() {
    let request = World::new().one(&["wiki", "--pr", "12"], &[]);
    assert_eq!(request.wanted, Wanted::Ref("refs/pull/12/head".to_owned()));
}

#[test]
fn two_runs_of_one_app_are_refused_and_both_named() {
    let world = World::new();
    let message = world.refusal(&["wiki", "n8n", "wiki"]);
    assert_eq!(message.matches("`wiki`").count(), 2, "{message}");
    let found = world.select(&["./other", "other"]).unwrap();
    assert_ne!(found[0].domain, found[1].domain);
}

#[test]
fn a_name_that_is_a_checkout_here_as_well_is_pointed_out() {
    let world = World::new();
    let overlooked = |words: &[&str]| {
        let argv = ["ccci", "test"].iter().chain(words).map(Into::into);
        let (cli, _) = cli::parse(argv).unwrap();
        let Command::Test(args) = cli.command else {
            panic!("it is a test")
        };
        let env = Environment::of(&[]);
        let wish = Wish::read(&args, &env, &world.root()).unwrap();
        wish.overlooked(&world.root())
    };
    assert_eq!(
        overlooked(&["custom-html", "wiki"]),
        ["`custom-html` is fetched by its name; the checkout here is tested as `./custom-html`"]
    );
    for words in [
        &["./custom-html"][..],
        &["wiki"],
        &[
            "custom-html",
            "--src",
            "https://git.example.org/a/custom-html",
        ],
    ] {
        assert_eq!(overlooked(words), Vec::<String>::new(), "{words:?}");
    }
}
