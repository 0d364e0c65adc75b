//! Host names below an app's own: found in a text, and moved beside the app's name.
//!
//! A wildcard certificate covers one label, so `minio.<label>.<base>` has to be `minio-<label>.<base>` to be reached.

use std::ops::Range;

use super::app::AppDomain;

/// A host name below an app's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NestedHost {
    /// The whole name.
    pub host: String,
    /// The name beside the app's that stands for it.
    pub sibling: AppDomain,
    /// Where it stands in the text.
    range: Range<usize>,
}

/// Finds the host names below an app's own that a text holds.
///
/// Left out are wildcards, cookie domains such as `.blog.example.org`, and names too long for a sibling.
///
/// ```
/// use ccci::model::{app::AppDomain, nested};
///
/// let domain: AppDomain = "driv-0a1b2c.ci.org".parse().unwrap();
/// let found = nested::find("https://minio.driv-0a1b2c.ci.org/", &domain);
/// assert_eq!(found[0].sibling.as_str(), "minio-driv-0a1b2c.ci.org");
/// ```
pub fn find(text: &str, domain: &AppDomain) -> Vec<NestedHost> {
    let suffix = format!(".{domain}");
    let found = text.match_indices(&suffix);
    found
        .filter_map(|(at, _)| nested_at(text, at, at + suffix.len(), domain))
        .collect()
}

/// Replaces each of those names by its sibling; returns nothing where there is none.
pub fn flatten(text: &str, domain: &AppDomain) -> Option<String> {
    let found = find(text, domain);
    let mut flat = text.to_owned();
    for nested in found.iter().rev() {
        flat.replace_range(nested.range.clone(), nested.sibling.as_str());
    }
    (!found.is_empty()).then_some(flat)
}

/// Tells whether a certificate for the app's name and for all names beside it covers a host name.
pub fn is_covered(host: &str, domain: &AppDomain) -> bool {
    let beside = host.split_once('.');
    host == domain.as_str()
        || beside.is_some_and(|(label, base)| !label.is_empty() && base == domain.base())
}

/// Reads the host name around the app's own, which begins at the dot before it.
fn nested_at(text: &str, dot: usize, end: usize, domain: &AppDomain) -> Option<NestedHost> {
    let in_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let start = text[..dot].rfind(|c| !in_name(c));
    let start = start.map_or(0, |last| {
        last + text[last..].chars().next().map_or(0, char::len_utf8)
    });
    let mut after = text[end..].chars();
    let goes_on = match after.next() {
        // A full stop may end a sentence, or the name.
        Some('.') => after.next().is_some_and(|c| c.is_ascii_alphanumeric()),
        Some(c) => in_name(c),
        None => false,
    };
    if goes_on || text[..start].ends_with(['*', '_']) {
        return None;
    }
    let name = text[start..dot].to_ascii_lowercase().replace('.', "-");
    Some(NestedHost {
        host: text[start..end].to_owned(),
        sibling: domain.sibling(&name).ok()?,
        range: start..end,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn domain() -> AppDomain {
        "driv-0a1b2c.ci.org".parse().unwrap()
    }

    #[test]
    fn a_nested_name_moves_beside_the_apps_own_wherever_it_stands() {
        for (text, wanted) in [
            ("minio.driv-0a1b2c.ci.org", "minio-driv-0a1b2c.ci.org"),
            ("a.b.driv-0a1b2c.ci.org", "a-b-driv-0a1b2c.ci.org"),
            (
                "https://a.driv-0a1b2c.ci.org:443/x,https://driv-0a1b2c.ci.org",
                "https://a-driv-0a1b2c.ci.org:443/x,https://driv-0a1b2c.ci.org",
            ),
            (", `www.driv-0a1b2c.ci.org`", ", `www-driv-0a1b2c.ci.org`"),
            ("… an S3.driv-0a1b2c.ci.org.", "… an s3-driv-0a1b2c.ci.org."),
        ] {
            assert_eq!(flatten(text, &domain()).as_deref(), Some(wanted));
        }
    }

    #[test]
    fn what_only_looks_like_a_nested_name_stays() {
        let long = format!("{}.driv-0a1b2c.ci.org", "x".repeat(60));
        for text in [
            "driv-0a1b2c.ci.org",
            "minio-driv-0a1b2c.ci.org",
            ".driv-0a1b2c.ci.org",
            "*.driv-0a1b2c.ci.org",
            "*.minio.driv-0a1b2c.ci.org",
            "-x.driv-0a1b2c.ci.org",
            "minio.driv-0a1b2c.ci.organic",
            "minio.driv-0a1b2c.ci.org.uk",
            &long,
        ] {
            assert_eq!(flatten(text, &domain()), None, "{text}");
        }
    }

    #[test]
    fn one_label_beside_the_app_is_covered_and_nothing_else() {
        for host in ["driv-0a1b2c.ci.org", "minio-driv-0a1b2c.ci.org", "x.ci.org"] {
            assert!(is_covered(host, &domain()), "{host}");
        }
        for host in ["minio.driv-0a1b2c.ci.org", "ci.org", ".ci.org", "x.org", ""] {
            assert!(!is_covered(host, &domain()), "{host}");
        }
    }

    proptest! {
        #[test]
        fn nothing_nested_is_left_in_any_text(text in "([a-z.*_é-]{0,6}(\\.driv-0a1b2c\\.ci\\.org)?[ /.é]?){0,4}") {
            if let Some(flat) = flatten(&text, &domain()) {
                prop_assert_eq!(find(&flat, &domain()), []);
            }
        }
    }
}
