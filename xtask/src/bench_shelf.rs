//! Recipes under many names, handed out by HTTP as files, as any web server would.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::repo;
use crate::run::cmd;

/// The fixture whose files the recipes have: a page from a volume, with a backup.
const FIXTURE: &str = "tests/fixtures/recipes";

/// A server of recipes that lives as long as the process.
pub(crate) struct Shelf {
    /// The folder with the bare repositories, `<recipe>.git`.
    root: PathBuf,
    /// Where they are, with a place for the recipe's name.
    pub(crate) url: String,
}

impl Shelf {
    /// Starts the server.
    pub(crate) fn open(root: &Path) -> Result<Self> {
        fs::create_dir_all(root)?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}/{{recipe}}.git", listener.local_addr()?);
        let served = root.to_owned();
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let root = served.clone();
                // A client that hangs up has what it wanted.
                std::thread::spawn(move || drop(answer(&root, connection)));
            }
        });
        Ok(Self {
            root: root.to_owned(),
            url,
        })
    }

    /// Publishes a recipe with its releases.
    pub(crate) fn release(&self, name: &str) -> Result<()> {
        let fixtures = repo::root().join(FIXTURE);
        let tree = self.root.join(name);
        fs::create_dir(&tree)?;
        let git = |args: &[&str]| {
            let git = cmd(
                "git",
                &[
                    "-c",
                    "user.name=Bench",
                    "-c",
                    "user.email=bench@example.com",
                ],
            );
            git.args(args)
                .dir(&tree)
                .env("GIT_CONFIG_GLOBAL", "/dev/null")
                .read()
        };
        git(&["init", "--quiet", "--initial-branch=main"])?;
        lay(&fixtures.join("common"), &tree, name)?;
        let mut releases = list(&fixtures.join("plain"))?;
        releases.sort();
        for release in releases {
            lay(&release, &tree, name)?;
            let tag = release.file_name().context("it has a name")?;
            let tag = tag.to_str().context("its name is text")?;
            git(&["add", "--all"])?;
            git(&["commit", "--quiet", "--message", tag])?;
            git(&["tag", "--annotate", "--message", tag, tag])?;
        }
        self.publish(&tree, name)
    }

    /// Publishes a recipe that has a commit and no release under many names.
    pub(crate) fn unreleased(&self, names: &[String]) -> Result<()> {
        let tree = self.root.join("unreleased");
        fs::create_dir(&tree)?;
        let who = [
            "-c",
            "user.name=Bench",
            "-c",
            "user.email=bench@example.com",
        ];
        for args in [
            &["init", "--quiet", "--initial-branch=main"][..],
            &["commit", "--quiet", "--allow-empty", "--message", "first"],
        ] {
            cmd("git", &who).args(args).dir(&tree).read()?;
        }
        names.iter().try_for_each(|name| self.publish(&tree, name))
    }

    /// Makes a repository out of a work tree, ready to be handed out.
    fn publish(&self, tree: &Path, name: &str) -> Result<()> {
        let bare = self.root.join(format!("{name}.git"));
        let clone = ["clone", "--quiet", "--bare", "--template=", "."];
        cmd("git", &clone).arg(&bare).dir(tree).read()?;
        cmd("git", &["update-server-info"]).dir(&bare).read()?;
        Ok(())
    }
}

/// Lays the files of a folder over a work tree.
fn lay(folder: &Path, tree: &Path, recipe: &str) -> Result<()> {
    for path in list(folder)? {
        let text = fs::read_to_string(&path)?.replace("@RECIPE@", recipe);
        fs::write(tree.join(path.file_name().context("it has a name")?), text)?;
    }
    Ok(())
}

/// Returns what a folder holds.
fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

/// Answers one request with a file, or with none.
fn answer(root: &Path, mut connection: TcpStream) -> std::io::Result<()> {
    let mut request = BufReader::new(connection.try_clone()?);
    let mut line = String::new();
    request.read_line(&mut line)?;
    let mut header = String::new();
    while request.read_line(&mut header)? > 2 {
        header.clear();
    }
    let found = path_in(&line).and_then(|path| fs::read(root.join(path)).ok());
    let status = if found.is_some() {
        "200 OK"
    } else {
        "404 Not Found"
    };
    let body = found.unwrap_or_default();
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    connection.write_all(head.as_bytes())?;
    connection.write_all(&body)
}

/// Returns the path that a request asks for, if it leads nowhere else.
fn path_in(request: &str) -> Option<&str> {
    let path = request.split(' ').nth(1)?.split('?').next()?;
    let path = path.strip_prefix('/')?;
    (!path.contains("..") && !path.starts_with('/')).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_without_its_query_and_none_leads_elsewhere() {
        let asked = |path: &str| path_in(&format!("GET {path} HTTP/1.1")).map(str::to_owned);
        let refs = "blog.git/info/refs";
        assert_eq!(asked(&format!("/{refs}?service=x")).as_deref(), Some(refs));
        assert_eq!(asked("/../etc/passwd"), None);
        assert_eq!(asked("//etc/passwd"), None);
        assert_eq!(path_in("GET"), None);
    }
}
