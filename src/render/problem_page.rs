//! `docs/explain.md`: how a run is explained, and every problem that ccci knows.

use std::fmt::Write;

use crate::model::problem::{Library, Problem, Tells};

/// What the page begins with.
const HEAD: &str = "# Known problems

Generated from `src/model/problems.toml`.
After a change there, run the tests with `CCCI_BLESS=1`.

`ccci explain` looks into what a run left for problems that are known, and says of each what it means, which line shows it and what to do.

```text
ccci explain             the latest run
ccci explain k7m2q       a run, by the beginning of its id
ccci explain wordpress   the last run of a recipe
ccci explain ./k7m2q     a run directory, such as one that CI kept
```

It reads the report, the events and the logs of the stages that did not pass.
It starts nothing, and needs neither Docker nor the recipe.
Whatever it finds, it ends with exit code 0.

Each problem tells more or less of why the run failed:

- a *cause* is what went wrong
- a *hint* often is, and can be harmless
- a *symptom* follows from something else, which the logs may tell

`--all` shows more than the first five.
`--json` prints one document: the run, what was found with its evidence, and what could not be read.

A problem that is missing here is added to the data file: what its lines look like, what they mean, what to do, and lines as programs print them, which the tests then look for.
";

/// Renders the page.
pub(crate) fn reference() -> String {
    let library = Library::known();
    let problems = library.problems();
    let mut areas: Vec<&str> = Vec::new();
    for problem in problems {
        if !areas.contains(&problem.area.as_str()) {
            areas.push(&problem.area);
        }
    }
    let mut page = HEAD.to_owned();
    for area in areas {
        let rows = problems.iter().filter(|problem| problem.area == area);
        let rows: String = rows.map(row).collect();
        write!(
            page,
            "\n## {area}\n\n| problem | matter of | means | to do |\n|---|---|---|---|\n{rows}"
        )
        .expect("a text grows");
    }
    page
}

/// Renders one problem as a row of its table.
fn row(problem: &Problem) -> String {
    let tells = match problem.tells {
        Tells::Cause => String::new(),
        Tells::Hint | Tells::Symptom => format!(", a {}", problem.tells.word()),
    };
    let source = match problem.source.as_str() {
        address if address.starts_with("https://") => format!(" ([more]({address}))"),
        _ => String::new(),
    };
    let [meaning, remedy] =
        [&problem.meaning, &problem.remedy].map(|text| text.replace('|', "\\|"));
    let matter = problem.matter.word();
    format!(
        "| `{}`{tells} | {matter} | {meaning}{source} | {remedy} |\n",
        problem.id
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_problem_has_one_row() {
        let page = reference();
        let library = Library::known();
        for problem in library.problems() {
            let row = format!("| `{}`", problem.id);
            assert_eq!(page.matches(&row).count(), 1, "{}", problem.id);
        }
        assert!(page.contains("| `restart-loop`, a symptom | recipe | "));
    }
}
