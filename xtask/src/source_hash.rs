//! A hash of a folder's names, execute bits and contents, which says whether something was made from it as it is now.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// Returns the hash of all files below `folder`, in hexadecimal, mixed with `salt`.
pub(crate) fn of_folder(folder: &Path, salt: &str) -> Result<String> {
    let mut hash = Sha256::new();
    hash.update(salt);
    for path in files(folder)? {
        let file = folder.join(&path);
        let bytes =
            fs::read(&file).with_context(|| format!("failed to read {}", file.display()))?;
        let executable = fs::metadata(&file)?.permissions().mode() & 0o100 != 0;
        let name = path.to_string_lossy();
        // Lengths keep the end of one part from being taken for the start of the next.
        hash.update(format!(
            "{}:{name}:{executable}:{}:",
            name.len(),
            bytes.len()
        ));
        hash.update(bytes);
    }
    Ok(hexadecimal(hash))
}

/// Returns the hash of a text, in hexadecimal.
pub(crate) fn of_text(text: &str) -> String {
    hexadecimal(Sha256::new_with_prefix(text))
}

/// Lists the files below `folder`, as sorted paths relative to it.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    collect(folder, Path::new(""), &mut found)?;
    found.sort();
    Ok(found)
}

/// Adds the files below `folder/below` to `found`.
fn collect(folder: &Path, below: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let directory = folder.join(below);
    let entries = fs::read_dir(&directory)
        .with_context(|| format!("failed to list {}", directory.display()))?;
    for entry in entries {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            collect(folder, &path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

/// Renders the first half of a digest, which is more than enough to tell definitions apart.
fn hexadecimal(hash: Sha256) -> String {
    let digest = hash.finalize();
    let half = digest.first_chunk().expect("a SHA-256 digest has 32 bytes");
    format!("{:032x}", u128::from_be_bytes(*half))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_name_execute_bit_and_salt_each_change_the_hash() {
        let folder = tempfile::tempdir().unwrap();
        let hash = |salt| of_folder(folder.path(), salt).unwrap();
        let file = folder.path().join("a");
        fs::write(&file, "one").unwrap();
        let mut seen = vec![hash(""), hash("salt")];
        fs::write(&file, "two").unwrap();
        seen.push(hash(""));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        seen.push(hash(""));
        fs::create_dir(folder.path().join("below")).unwrap();
        assert_eq!(
            seen.last(),
            Some(&hash("")),
            "an empty folder does not count"
        );
        fs::rename(&file, folder.path().join("below/a")).unwrap();
        seen.push(hash(""));
        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), count, "{seen:?}");
    }
}
