//! Calls of ccci in a text of shell: found, and read as ccci reads its command line.

use std::ffi::OsString;

/// Returns the calls of ccci that a text of shell makes, each as its words.
///
/// A call begins a command: after what leads to it, such as variables and `exec`, and before what ends it.
pub(crate) fn of_ccci(text: &str) -> Vec<Vec<String>> {
    let joined = text.replace("\\\n", " ");
    let commands = joined.lines().flat_map(commands);
    commands.filter_map(call).collect()
}

/// Reads a call as ccci does, and returns what it says of one that it refuses.
pub(crate) fn refused(words: &[String]) -> Option<String> {
    let filled = words.iter().map(|word| OsString::from(fill(word)));
    let parsed = ccci::cli::parse(filled);
    let error = parsed.err()?;
    let is_answer = !error.use_stderr();
    (!is_answer).then(|| format!("`{}`: {error}", words.join(" ")))
}

/// Puts a plain word in place of each variable.
fn fill(word: &str) -> String {
    let mut parts = word.split('$');
    let first = parts.next().unwrap_or_default().to_owned();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let rest = parts.map(|part| format!("value{}", part.trim_start_matches(is_name)));
    first + &rest.collect::<String>()
}

/// Splits a line into its commands, each into its words; quotes hold words together, comments are left out.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    let (mut word, mut quote): (Option<String>, Option<char>) = (None, None);
    for letter in line.chars().chain([' ']) {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, ' ' | ';' | '|' | '&' | '(' | ')' | '<' | '>') => {
                let is_file = matches!(letter, '<' | '>');
                // The number before a redirection is that of a stream.
                let ended = word
                    .take()
                    .filter(|word| !is_file || word.parse::<u8>().is_err());
                let last: &mut Vec<String> = all.last_mut().expect("one is there");
                last.extend(ended);
                match letter {
                    ' ' => {}
                    // What follows is a file, and no command.
                    '<' | '>' => all.push(vec![String::new()]),
                    _ => all.push(Vec::new()),
                }
            }
            (None, '#') if word.is_none() => break,
            (_, letter) => word.get_or_insert_default().push(letter),
        }
    }
    all
}

/// Returns the words of a call of ccci, its name first.
fn call(words: Vec<String>) -> Option<Vec<String>> {
    const LEADS: [&str; 7] = ["exec", "if", "!", "then", "else", "do", "$"];
    let leads = |word: &String| LEADS.contains(&word.as_str()) || is_assignment(word);
    let words: Vec<_> = words.into_iter().skip_while(leads).collect();
    let name = words.first()?.rsplit('/').next()?;
    (name == "ccci").then_some(words)
}

/// Tells whether a word sets a variable.
fn is_assignment(word: &str) -> bool {
    let name = word.split_once('=').map_or("", |(name, _)| name);
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_found_wherever_they_stand() {
        let text = "\
if ! /usr/local/bin/ccci janitor; then
    CCCI_REF=main exec ccci test 'my site' --keep \\
        never > log 2>&1 # ccci help
echo ccci test; ccci help 2>&1 | grep ccci > bin/ccci
";
        let found: Vec<_> = of_ccci(text).iter().map(|words| words.join("|")).collect();
        assert_eq!(
            found,
            [
                "/usr/local/bin/ccci|janitor",
                "ccci|test|my site|--keep|never",
                "ccci|help",
            ]
        );
    }

    #[test]
    fn a_call_that_ccci_would_refuse_is_told() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(refused(&words("ccci test --keep failed")), None);
        assert_eq!(refused(&words("ccci --version")), None);
        assert_eq!(refused(&words("ccci test $1 --junit $dir/$1.xml")), None);
        let told = refused(&words("ccci test --kept failed")).unwrap();
        assert!(told.contains("'--kept'"), "{told}");
    }
}
