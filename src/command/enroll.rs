//! `ccci enroll`: writes a recipe's first tests, from what its files say and what a person adds.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    ask::Person,
    error::{Error, Kind},
    host::{Call, Programs},
    interview::Interview,
    janitor::interrupted,
    secrets,
    select::{Selected, Wish, is_recipe},
    view,
};
use crate::{
    cli::{enroll_args::EnrollArgs, values::Target},
    config::{load::Machine, recipe_config, settings::Settings},
    exit,
    lifecycle::{
        enroll::{self, Enrolling},
        preflight::find_program,
    },
    model::{
        enrollment::{Answers, Enrollment, Example, NewFile},
        outcome::{Fault, Trouble},
        run::Source,
    },
    render::{
        self,
        level::Weight,
        line::{Line, Tone},
    },
    sys::{context::Context, durable, process::quote::quote, redact::Redactor},
};

/// Enrolls a recipe.
pub(crate) fn run(call: &Call, args: &EnrollArgs) -> Result<u8, Error> {
    let dir = Machine::read()?.current_dir;
    let target = from_abra(call, args);
    let wish = Wish::of_one(target, args.src.clone(), &dir)?;
    let settings = call.settings(&wish.checkouts())?;
    let selected = wish.resolve(&settings, &dir)?.into_iter().next();
    let selected = selected.ok_or_else(|| {
        let message = "nothing to enroll: no recipe is named, and the current directory is none";
        Error::say(Kind::NothingSelected, message)
            .hint("name a recipe, or go to the checkout of one")
    })?;
    let folder = free_folder(&settings, &selected)?;
    let ctx = context(call, settings, &selected)?;
    say(call, ("Reading", Tone::Info), &source(&selected))?;
    let given = args.env.iter().cloned().collect();
    let read = enroll::read(&ctx, (&selected.request, &selected.domain), &given);
    let read = read.map_err(|trouble| interrupted(&ctx, unreadable(trouble)))?;
    let lines = render::enroll::found_lines(&read.proposal, read.base.as_deref());
    view::say(call, &lines)?;
    view::say(call, &warnings(&read, &selected))?;
    let person = Person::at_terminal(call, &ctx);
    let interview = Interview {
        args,
        read: &read,
        person: person.as_ref(),
    };
    let answers = interview.answers(&ctx)?;
    if args.example.is_none() && answers.example == Example::None {
        let pytest = ctx.settings.programs.pytest.display();
        let text = format!("no test in Python is written, because `{pytest}` was not found");
        view::say(call, &[view::warning(&text)])?;
    }
    let files = files(&selected, &read, &answers);
    check(&files, &folder)?;
    let shown = folder.strip_prefix(&dir).unwrap_or(&folder);
    if args.dry_run {
        view::print(printed(&files, shown).as_bytes())?;
    } else {
        agree(call, person.as_ref(), shown)?;
        write(&ctx, &folder, &files)?;
        for file in &files {
            let path = shown.join(file.name);
            say(call, ("Wrote", Tone::Good), &path.display().to_string())?;
        }
        let next = command(&next_words(&selected, &dir, args));
        say(call, ("Next", Tone::Info), &next)?;
    }
    let again = command(&again_words(args, (&selected, &dir), (&answers, &read)));
    say(call, ("Again", Tone::Info), &again)?;
    Ok(exit::PASSED)
}

/// Returns words as a command that a shell takes.
fn command(words: &[String]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| quote(word)).collect();
    quoted.join(" ")
}

/// Says something with a status word.
fn say(call: &Call, word: (&str, Tone), text: &str) -> Result<(), Error> {
    view::say(call, &[Line::status(Weight::Info, word, text)])
}

/// Returns the target, a name as the checkout that abra has of it.
fn from_abra(call: &Call, args: &EnrollArgs) -> Option<Target> {
    let Some(Target::Recipe(recipe)) = args.target.clone() else {
        return args.target.clone();
    };
    let env = call.env();
    let abra = env.path("ABRA_DIR");
    let abra = abra.or_else(|| Some(env.path("HOME")?.join(".abra")));
    let checkout = abra.map(|abra| abra.join("recipes").join(recipe.as_str()));
    let checkout = checkout.filter(|checkout| args.src.is_none() && is_recipe(checkout));
    Some(checkout.map_or(Target::Recipe(recipe), Target::Path))
}

/// Returns the folder that is to be made; one that is there is left alone.
fn free_folder(settings: &Settings, selected: &Selected) -> Result<PathBuf, Error> {
    let recipe = &selected.request.recipe;
    let Some(tests_dir) = &settings.recipes.tests_dir else {
        let message = "tests that are kept for recipes cannot lie in the recipe under test";
        return Err(Error::say(Kind::Configuration, message).hint(
            "set `CCCI_TESTS_DIR` to a directory of your own, or call `ccci enroll PATH` from beside your `recipes-tests`",
        ));
    };
    let folder = tests_dir.join(recipe.as_str());
    if fs::symlink_metadata(&folder).is_err() {
        return Ok(folder);
    }
    Err(taken(&folder))
}

/// Says that a recipe is enrolled already.
fn taken(folder: &Path) -> Error {
    let message = format!("`{}` is there already", folder.display());
    Error::say(Kind::Usage, message).hint("change what is there, or remove the folder first")
}

/// Returns what reading a recipe needs: git and the client of docker.
fn context(call: &Call, settings: Settings, selected: &Selected) -> Result<Context, Error> {
    let redactor = Redactor::default();
    let fetches = matches!(selected.request.source, Source::Remote { .. });
    let token = secrets::git_token(call, &settings, &redactor, fetches)?;
    let docker = find_program(&settings, "docker", &settings.programs.docker)?;
    let git = find_program(&settings, "git", &settings.programs.git)?;
    let mut ctx = call.context(settings, Programs { docker, git }, redactor)?;
    ctx.git_token = token;
    Ok(ctx)
}

/// Says what is read, and where it is.
fn source(selected: &Selected) -> String {
    let recipe = &selected.request.recipe;
    match &selected.request.source {
        Source::Path(path) => format!("{recipe} in {}", path.display()),
        Source::Remote { url, .. } => format!("{recipe} from {url}"),
    }
}

/// Makes an error of why a recipe cannot be read: what is wrong with it is no failure of a test here.
fn unreadable(trouble: Trouble) -> Error {
    let fault = match trouble.fault {
        Fault::Recipe => Fault::Config,
        fault => fault,
    };
    Error::from(Trouble { fault, ..trouble })
}

/// Returns what a person should know before the first test.
fn warnings(read: &Enrolling, selected: &Selected) -> Vec<Line> {
    let mut texts = Vec::new();
    if read.has_own {
        texts.push(
            "the recipe has a `tests/recipe.toml`, which goes before this one where it may be used"
                .to_owned(),
        );
    }
    if let Some(first) = read.refused.first() {
        let when = match selected.request.source {
            Source::Path(_) => "a pull request of this recipe",
            Source::Remote { .. } => "this recipe, unless `--version` names a release,",
        };
        let more = match read.refused.len() {
            1 => String::new(),
            all => format!(", and {} more", all - 1),
        };
        texts.push(format!("the compose policy refuses {when}: {first}{more}"));
    }
    texts.iter().map(|text| view::warning(text)).collect()
}

/// Returns the files that are to be written.
fn files(selected: &Selected, read: &Enrolling, answers: &Answers) -> Vec<NewFile> {
    render::enroll::files(&Enrollment {
        recipe: &selected.request.recipe,
        revision: &read.revision,
        base: read.base.as_deref(),
        proposal: &read.proposal,
        answers,
    })
}

/// Makes sure that what is written will be understood.
fn check(files: &[NewFile], folder: &Path) -> Result<(), Error> {
    let toml = files.iter().filter(|file| file.name == "recipe.toml");
    for file in toml {
        recipe_config::parse(&file.text, &folder.join(file.name))?;
    }
    Ok(())
}

/// Returns the files as they are shown in place of being written.
fn printed(files: &[NewFile], folder: &Path) -> String {
    let file = |file: &NewFile| {
        let path = folder.join(file.name);
        format!("==> {} <==\n{}", path.display(), file.text)
    };
    files.iter().map(file).collect::<Vec<_>>().join("\n")
}

/// Asks the person, if there is one, whether all is right.
fn agree(call: &Call, person: Option<&Person<'_>>, folder: &Path) -> Result<(), Error> {
    let Some(person) = person.filter(|_| !call.global.yes) else {
        return Ok(());
    };
    if person.agrees(&format!("Write {}/?", folder.display()))? {
        return Ok(());
    }
    Err(Error::say(Kind::Refused, "nothing was written"))
}

/// Writes all files or none.
fn write(ctx: &Context, folder: &Path, files: &[NewFile]) -> Result<(), Error> {
    if let Some(signal) = ctx.host.interrupt.signal() {
        return Err(Error::say(Kind::Cancelled(signal), "interrupted"));
    }
    let contents: Vec<_> = files
        .iter()
        .map(|file| {
            let mode = if file.executable { 0o777 } else { 0o666 };
            (file.name, file.text.as_bytes(), mode)
        })
        .collect();
    durable::create_folder(folder, &contents).map_err(|error| {
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            return taken(folder);
        }
        let error = anyhow::Error::new(error);
        let message = format!("failed to write `{}`", folder.display());
        Error::new(Kind::Broken, error.context(message))
    })
}

/// Returns how the recipe is named in a command: a path as it is seen from here, or its name.
fn target_word(selected: &Selected, dir: &Path) -> String {
    match &selected.request.source {
        Source::Remote { .. } => selected.request.recipe.to_string(),
        Source::Path(path) => match path.strip_prefix(dir) {
            Ok(below) if below.as_os_str().is_empty() => ".".to_owned(),
            Ok(below) => format!("./{}", below.display()),
            Err(_) => path.display().to_string(),
        },
    }
}

/// Returns the words of the command that tests what was enrolled.
fn next_words(selected: &Selected, dir: &Path, args: &EnrollArgs) -> Vec<String> {
    let mut words = ["ccci", "test"].map(str::to_owned).to_vec();
    words.push(target_word(selected, dir));
    if let Some(src) = &args.src {
        words.extend(["--src".to_owned(), src.clone()]);
    }
    words
}

/// Returns the words of the command that enrolls the same without a question.
fn again_words(
    args: &EnrollArgs,
    (selected, dir): (&Selected, &Path),
    (answers, read): (&Answers, &Enrolling),
) -> Vec<String> {
    let mut words = ["ccci", "enroll"].map(str::to_owned).to_vec();
    words.push(target_word(selected, dir));
    let mut flag = |name: &str, value: String| words.extend([format!("--{name}"), value]);
    if let Some(src) = &args.src {
        flag("src", src.clone());
    }
    if read.proposal.page.is_ok() {
        flag("health-path", answers.health_path.as_str().to_owned());
    }
    if let Some(text) = &answers.contains {
        flag("contains", text.clone());
    }
    if let Some(base) = &answers.upgrade_base {
        flag("upgrade-base", base.as_str().to_owned());
    }
    for (name, value) in &answers.secrets {
        flag("secret", format!("{name}={value}"));
    }
    for (name, value) in &answers.env {
        flag("env", format!("{name}={value}"));
    }
    let example = match answers.example {
        Example::Pytest => "pytest",
        Example::None => "none",
    };
    flag("example", example.to_owned());
    words.push("--no-input".to_owned());
    words
}
