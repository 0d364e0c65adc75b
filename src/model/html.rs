//! What a check reads from a page of HTML, valid or not.

/// Returns the title of a page, its entities decoded and its blanks joined, or nothing when it has none.
///
/// ```
/// use ccci::model::html::title;
/// assert_eq!(title("<TITLE>Log in\n &ndash; Wiki &amp; more</title>").as_deref(), Some("Log in – Wiki & more"));
/// assert_eq!(title("<p>no title"), None);
/// ```
pub fn title(page: &str) -> Option<String> {
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        rest = &rest[start..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = after(comment, "-->")?;
        } else if opens(rest, "title") {
            let text = after(rest, ">")?;
            let end = find_ignoring_case(text, "</title").unwrap_or(text.len());
            return Some(plain(&text[..end]));
        } else if let Some(name) = ["script", "style", "svg"]
            .into_iter()
            .find(|name| opens(rest, name))
        {
            // Each may hold a text that looks like a title, or a title of its own.
            let end = find_ignoring_case(rest, &format!("</{name}"))?;
            rest = &rest[end + 2..];
        } else {
            rest = &rest[1..];
        }
    }
    None
}

/// Returns what follows the first occurrence of a mark.
fn after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    text.split_once(mark).map(|(_, rest)| rest)
}

/// Tells whether a text begins with the opening tag of an element.
fn opens(text: &str, name: &str) -> bool {
    let Some((tag, rest)) = text[1..].split_at_checked(name.len()) else {
        return false;
    };
    let ended = rest.starts_with(|c: char| c.is_ascii_whitespace() || c == '>' || c == '/');
    tag.eq_ignore_ascii_case(name) && ended
}

/// Returns where a text of ASCII occurs, whatever its case.
fn find_ignoring_case(text: &str, wanted: &str) -> Option<usize> {
    let windows = text.as_bytes().windows(wanted.len());
    windows
        .enumerate()
        .find(|(_, window)| window.eq_ignore_ascii_case(wanted.as_bytes()))
        .map(|(at, _)| at)
}

/// Decodes entities and joins blanks.
fn plain(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        decoded.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some((c, tail)) = entity(rest) {
            decoded.push(c);
            rest = tail;
        } else {
            decoded.push('&');
            rest = &rest[1..];
        }
    }
    decoded.push_str(rest);
    decoded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Reads one entity at the start of a text.
fn entity(text: &str) -> Option<(char, &str)> {
    let (name, rest) = text.strip_prefix('&')?.split_once(';')?;
    let decoded = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "ndash" => '–',
        "mdash" => '—',
        "middot" => '·',
        "bull" => '•',
        "raquo" => '»',
        "laquo" => '«',
        "hellip" => '…',
        number => {
            let digits = number.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => digits.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some((decoded, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_title_is_found_in_any_page() {
        for (page, expected) in [
            ("<html><head><title>Wiki</title>", Some("Wiki")),
            (
                "<title data-x='1'\n>A &#8211; B&#x21;</title>",
                Some("A – B!"),
            ),
            ("<!-- <title>old</title> --><title>new</title>", Some("new")),
            (
                "<script>'<title>no</title>'</script><title>yes</title>",
                Some("yes"),
            ),
            (
                "<svg><title>icon</title></svg><title>page</title>",
                Some("page"),
            ),
            ("<titles>x</titles>", None),
            ("<title>never closed", Some("never closed")),
            ("<title></title>", Some("")),
            ("<title>&unknown; & co</title>", Some("&unknown; & co")),
            ("<title>İ</TITLE>", Some("İ")),
            ("<title", None),
            ("", None),
        ] {
            assert_eq!(title(page).as_deref(), expected, "{page}");
        }
    }

    proptest! {
        #[test]
        fn no_page_is_a_panic(page in "(<|>|&|;|#|x|/|title|script|!--|é| ){0,30}") {
            title(&page);
        }
    }
}
