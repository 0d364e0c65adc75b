//! Whether the notes of a release ask for work that a person has to do; rather once too often than once too seldom.

/// What can take the meaning of a phrase away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Denial {
    /// Nothing: it is an order, or a command to type.
    None,
    /// A word that denies, in the same clause before it, as in "no manual steps".
    Before,
}

/// Phrases that ask for work, in lower case, with what denies them; each stands at the borders of words.
const PHRASES: [(&str, Denial); 98] = [
    // Commands that a person types; a deploy alone is what ccci does.
    ("abra app secret", Denial::None),
    ("abra app cmd", Denial::None),
    ("abra app command", Denial::None),
    ("abra app run", Denial::None),
    ("abra app config", Denial::None),
    ("abra app undeploy", Denial::None),
    ("abra app restart", Denial::None),
    ("abra app volume", Denial::None),
    ("abra app backup", Denial::None),
    ("abra app restore", Denial::None),
    ("abra app cp", Denial::None),
    ("docker exec", Denial::None),
    ("docker volume", Denial::None),
    ("docker secret", Denial::None),
    ("docker config", Denial::None),
    ("docker service", Denial::None),
    ("docker stack", Denial::None),
    ("docker network", Denial::None),
    ("pg_dump", Denial::None),
    ("pg_dumpall", Denial::None),
    ("pg_upgrade", Denial::None),
    ("mysqldump", Denial::None),
    ("occ", Denial::None),
    // Orders.
    ("you need to", Denial::None),
    ("you will need", Denial::None),
    ("you'll need", Denial::None),
    ("you must", Denial::None),
    ("you have to", Denial::None),
    ("you'll have to", Denial::None),
    ("you will have to", Denial::None),
    ("you should", Denial::None),
    ("users must", Denial::None),
    ("operators must", Denial::None),
    ("operators need to", Denial::None),
    ("operators should", Denial::None),
    ("make sure", Denial::None),
    ("be sure to", Denial::None),
    ("ensure", Denial::None),
    ("please", Denial::None),
    ("don't forget", Denial::None),
    ("do not forget", Denial::None),
    ("remember to", Denial::None),
    ("run the following", Denial::None),
    ("follow the", Denial::None),
    ("follow these", Denial::None),
    ("before upgrading", Denial::None),
    ("before you upgrade", Denial::None),
    ("before the upgrade", Denial::None),
    ("before updating", Denial::None),
    ("before you update", Denial::None),
    ("before deploying", Denial::None),
    ("before you deploy", Denial::None),
    ("prior to", Denial::None),
    ("after upgrading", Denial::None),
    ("after the upgrade", Denial::None),
    ("after updating", Denial::None),
    ("after the update", Denial::None),
    ("after deploying", Denial::None),
    ("when upgrading", Denial::None),
    ("to upgrade", Denial::Before),
    ("upgrade path", Denial::Before),
    ("your env", Denial::None),
    ("your .env", Denial::None),
    ("your config", Denial::None),
    ("your configuration", Denial::None),
    ("your database", Denial::Before),
    ("your data", Denial::Before),
    ("your backups", Denial::Before),
    ("back up", Denial::None),
    ("take a backup", Denial::None),
    ("make a backup", Denial::None),
    ("by hand", Denial::Before),
    // What is the matter.
    ("manual", Denial::Before),
    ("manually", Denial::Before),
    ("breaking", Denial::Before),
    ("incompatible", Denial::Before),
    ("backwards compatible", Denial::None),
    ("action required", Denial::Before),
    ("action needed", Denial::Before),
    ("must be", Denial::None),
    ("must now", Denial::None),
    ("has to be", Denial::None),
    ("have to be", Denial::None),
    ("needs to be", Denial::None),
    ("need to be", Denial::None),
    ("needs to", Denial::Before),
    ("required", Denial::Before),
    ("requires", Denial::Before),
    ("mandatory", Denial::Before),
    ("migration", Denial::Before),
    ("migrate", Denial::Before),
    ("new secret", Denial::Before),
    ("new secrets", Denial::Before),
    ("renamed", Denial::Before),
    ("no longer supported", Denial::None),
    ("data loss", Denial::Before),
    ("irreversible", Denial::Before),
    ("cannot be undone", Denial::None),
];

/// Words that deny what follows them in a clause.
const DENIALS: [&str; 12] = [
    "no", "not", "without", "nothing", "none", "never", "isn't", "aren't", "doesn't", "don't",
    "needn't", "neither",
];
/// What is whole and harmless although a phrase is in it.
const HARMLESS: [&str; 6] = [
    "fully backwards compatible",
    "is backwards compatible",
    "are backwards compatible",
    "no longer required",
    "no longer requires",
    "automatic migration",
];
/// How many characters of a line of the notes are shown.
const SHOWN: usize = 120;

/// Returns the line of a release's notes that asks for work, as far as it can be shown; nothing when none does.
///
/// ```
/// use ccci::model::manual_work::asks_for_manual_work;
/// let notes = "New admin console.\n\nRun `abra app secret generate -a <domain>` first.";
/// let line = asks_for_manual_work(notes).unwrap();
/// assert_eq!(line, "Run `abra app secret generate -a <domain>` first.");
/// assert_eq!(asks_for_manual_work("Keycloak 26.1.4, no manual steps."), None);
/// ```
pub fn asks_for_manual_work(notes: &str) -> Option<String> {
    let plain = notes.replace('\u{2019}', "'").replace('\r', "");
    // A sentence may go on in the next line, so paragraphs are looked at first.
    let paragraph = paragraphs(&plain).find(|paragraph| asks(&joined(paragraph)))?;
    let line = paragraph.lines().find(|line| asks(&joined(line)));
    let line = line.unwrap_or(paragraph);
    let words: Vec<_> = line.split_whitespace().collect();
    Some(words.join(" ").chars().take(SHOWN).collect())
}

/// Returns the parts of a text between empty lines.
fn paragraphs(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n\n")
}

/// Returns a text in lower case and one line, without the marks of Markdown, which can stand amid a phrase.
fn joined(text: &str) -> String {
    let plain = text.to_lowercase().replace(['`', '*', '"', '>', '#'], " ");
    let words: Vec<_> = plain.split_whitespace().collect();
    words.join(" ")
}

/// Tells whether a text asks for work.
fn asks(text: &str) -> bool {
    clauses(text).any(|clause| {
        let clause = HARMLESS.iter().fold(clause.to_owned(), |clause, harmless| {
            clause.replace(harmless, " ")
        });
        let asked = |(phrase, denial): &(&str, Denial)| stands(&clause, phrase, *denial);
        PHRASES.iter().any(asked)
    })
}

/// Returns the parts of a text in which a denial reaches what follows it.
fn clauses(text: &str) -> impl Iterator<Item = &str> {
    // A point inside a word, as in `.env` or `1.2`, ends nothing.
    let ends = [". ", ", ", "; ", ": ", "! ", "? ", " - ", " but ", " and "];
    let mut parts = vec![text];
    for end in ends {
        parts = parts.iter().flat_map(|part| part.split(end)).collect();
    }
    parts.into_iter()
}

/// Tells whether a phrase stands in a clause by itself, and nothing there denies it.
fn stands(clause: &str, phrase: &str, denial: Denial) -> bool {
    clause.match_indices(phrase).any(|(at, _)| {
        let (before, rest) = clause.split_at(at);
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        let alone = !before.ends_with(is_word) && !rest[phrase.len()..].starts_with(is_word);
        let denied = denial == Denial::Before
            && before
                .split_whitespace()
                .any(|word| DENIALS.contains(&word));
        alone && !denied
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Notes as maintainers write them, each with the line that asks.
    const ASKING: [(&str, &str); 24] = [
        (
            "Upgrades PostgreSQL to 15.\n\nThe database has to be dumped before upgrading and restored afterwards.",
            "The database has to be dumped before upgrading and restored afterwards.",
        ),
        (
            "Adds SSO.\nYou need to run\n\n    abra app secret generate example.org oidc_secret v1\n",
            "You need to run",
        ),
        (
            "    abra app secret insert example.org smtp_password v1 hunter2",
            "abra app secret insert example.org smtp_password v1 hunter2",
        ),
        (
            "BREAKING: volumes have other names.",
            "BREAKING: volumes have other names.",
        ),
        (
            "**Manual intervention required**",
            "**Manual intervention required**",
        ),
        (
            "The variable SMTP_HOST was renamed to MAIL_HOST.",
            "The variable SMTP_HOST was renamed to MAIL_HOST.",
        ),
        (
            "Set `FOO` in your .env file.",
            "Set `FOO` in your .env file.",
        ),
        (
            "This release adds a new secret, db_root_password.",
            "This release adds a new secret, db_root_password.",
        ),
        ("Please take care.", "Please take care."),
        (
            "After upgrading run `occ db:add-missing-indices` in the app container.",
            "After upgrading run `occ db:add-missing-indices` in the app container.",
        ),
        ("Requires Traefik 3.", "Requires Traefik 3."),
        (
            "A migration of the search index is started; it can take an hour.",
            "A migration of the search index is started; it can take an hour.",
        ),
        (
            "If you have not done so, you must set REDIS_URL.",
            "If you have not done so, you must set REDIS_URL.",
        ),
        (
            "There is no way back: back up first!",
            "There is no way back: back up first!",
        ),
        (
            "Not tested with Podman. Manual work: none for Docker, on Podman remove the network by hand.",
            "Not tested with Podman. Manual work: none for Docker, on Podman remove the network by hand.",
        ),
        ("You\nmust\nread this.", "You must read this."),
        ("YOU WILL NEED a new token", "YOU WILL NEED a new token"),
        ("You\u{2019}ll need a token", "You'll need a token"),
        (
            "Upgrading is not backwards compatible.",
            "Upgrading is not backwards compatible.",
        ),
        (
            "The env var DB_TYPE is now mandatory",
            "The env var DB_TYPE is now mandatory",
        ),
        (
            "Windows line ends\r\n\r\nYou must act.\r\n",
            "You must act.",
        ),
        (
            "MySQL 5.7 is no longer supported",
            "MySQL 5.7 is no longer supported",
        ),
        (
            "## Upgrade path\n1. `docker volume rm x`",
            "## Upgrade path",
        ),
        (
            "No changes for most, but volumes need to be recreated.",
            "No changes for most, but volumes need to be recreated.",
        ),
    ];
    /// Notes as maintainers write them when nobody has to do anything.
    const SILENT: [&str; 17] = [
        "",
        "\n\n\n",
        "Keycloak 26.1.4.",
        "Security fixes, see https://www.keycloak.org/docs/latest/release_notes/",
        "Bump nginx to 1.27.3 and redis to 7.4.",
        "No manual work is needed.",
        "No manual intervention required.",
        "This release needs no manual steps.",
        "There are no breaking changes.",
        "Nothing is required of operators.",
        "The upgrade runs without any migration.",
        "The setting is no longer required.",
        "Adds the optional variable EXTRA_HEADERS, which is empty by default.",
        "You can now choose the theme by THEME.",
        "Does the same as before, faster.",
        "This does not require any change.",
        "The health check has a longer start period.",
    ];

    #[test]
    fn notes_that_ask_are_found_with_the_line_that_asks() {
        for (notes, line) in ASKING {
            let found = asks_for_manual_work(notes);
            assert_eq!(found.as_deref(), Some(line), "{notes}");
        }
    }

    #[test]
    fn notes_that_ask_for_nothing_are_left_alone() {
        for notes in SILENT {
            assert_eq!(asks_for_manual_work(notes), None, "{notes}");
        }
    }

    #[test]
    fn every_phrase_asks_by_itself_and_is_written_as_it_is_compared() {
        for (phrase, denial) in PHRASES {
            assert!(asks_for_manual_work(phrase).is_some(), "{phrase}");
            assert_eq!(joined(phrase), phrase);
            let denied = format!("there is no {phrase} here");
            let is_denied = asks_for_manual_work(&denied).is_none();
            assert_eq!(is_denied, denial == Denial::Before, "{denied}");
        }
    }

    #[test]
    fn a_phrase_inside_another_word_asks_for_nothing() {
        for notes in [
            "emigrated data",
            "manuals",
            "it occurs",
            "unrequired",
            "non-breaking space",
        ] {
            assert_eq!(asks_for_manual_work(notes), None, "{notes}");
        }
    }

    proptest! {
        #[test]
        fn an_order_is_found_amid_anything(before in "[a-z .,\n]{0,60}", after in "[a-z .,\n]{0,60}") {
            let notes = format!("{before}\n\nYou must act.\n\n{after}");
            prop_assert!(asks_for_manual_work(&notes).is_some());
        }

        #[test]
        fn what_is_shown_is_one_short_line(notes in any::<String>()) {
            if let Some(line) = asks_for_manual_work(&notes) {
                prop_assert!(!line.contains('\n') && line.chars().count() <= SHOWN);
            }
        }
    }
}
