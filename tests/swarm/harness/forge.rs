//! A place to fetch a recipe from by HTTP: the files of a bare repository, as any web server would hand them out.
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
};

use super::{
    repository::{self, git},
    world::World,
};

/// Publishes a world's recipe as long as the tests run, and returns its address.
pub(crate) fn publish(world: &World) -> String {
    let root = world.path("forge");
    add(&root, &world.checkout(), "recipe");
    format!("{}/recipe.git", serve(root))
}

/// Publishes fixtures, each by its own name, and returns the address with a place for that name.
pub(crate) fn publish_fixtures(world: &World, fixtures: &[&str]) -> String {
    let root = world.path("forge-of-fixtures");
    for fixture in fixtures {
        let checkout = world.path("published").join(fixture);
        repository::write(fixture, "registry.invalid", &checkout);
        add(&root, &checkout, fixture);
    }
    format!("{}/{{recipe}}.git", serve(root))
}

/// A place to fetch a world's recipe from whose branches and tags the test moves.
pub(crate) struct Shelf {
    /// The address, with a place for the recipe's name.
    url: String,
    /// The repository that is served.
    bare: PathBuf,
}

impl Shelf {
    /// Publishes a world's recipe without any release.
    pub(crate) fn open(world: &World) -> Self {
        let root = world.path("shelf");
        let bare = root.join(world.recipe());
        fs::create_dir_all(&bare).unwrap();
        git(
            &bare,
            &["init", "--quiet", "--bare", "--initial-branch=main"],
        );
        let shelf = Self {
            url: format!("{}/{{recipe}}.git", serve(root)),
            bare,
        };
        shelf.push(world, "HEAD", "refs/heads/main");
        shelf
    }

    /// Returns the address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Publishes what is there of a world's recipe under another recipe's name.
    pub(crate) fn publish_as(&self, name: &str) {
        let copy = self.path(name);
        git(
            &self.bare,
            &["clone", "--quiet", "--bare", ".", copy.to_str().unwrap()],
        );
        git(&copy, &["update-server-info"]);
    }

    /// Returns where the repository of a recipe is.
    pub(crate) fn path(&self, recipe: &str) -> PathBuf {
        self.bare.with_file_name(recipe)
    }

    /// Publishes a release.
    pub(crate) fn release(&self, world: &World, tag: &str) {
        self.release_of(world, world.recipe(), tag);
    }

    /// Publishes a release of the world's recipe under another recipe's name.
    pub(crate) fn release_of(&self, world: &World, recipe: &str, tag: &str) {
        let tag = format!("refs/tags/{tag}");
        push(world, &self.path(recipe), &format!("{tag}:{tag}"));
    }

    /// Publishes a commit under a ref.
    pub(crate) fn push(&self, world: &World, what: &str, to: &str) {
        push(world, &self.bare, &format!("+{what}:{to}"));
    }
}

/// Pushes from a world's checkout to a repository that is published.
fn push(world: &World, bare: &Path, refspec: &str) {
    let target = bare.to_str().unwrap();
    git(&world.checkout(), &["push", "--quiet", target, refspec]);
    git(bare, &["update-server-info"]);
}

/// Adds a repository to those that are published.
fn add(root: &Path, checkout: &Path, name: &str) {
    let bare = root.join(name);
    let target = bare.to_str().unwrap();
    git(checkout, &["clone", "--quiet", "--bare", ".", target]);
    git(&bare, &["update-server-info"]);
}

/// Hands out the files of all repositories in a folder, and returns the address.
fn serve(root: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            // A client that hangs up has what it wanted.
            drop(answer(&root, connection));
        }
    });
    format!("http://{address}")
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
    let found = file(root, &line).and_then(|path| fs::read(path).ok());
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

/// Returns the file that a request asks for.
fn file(root: &Path, request: &str) -> Option<PathBuf> {
    let path = request.split(' ').nth(1)?.split('?').next()?;
    let (name, path) = path.strip_prefix('/')?.split_once(".git/")?;
    Some(root.join(name).join(path))
}
