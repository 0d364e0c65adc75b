//! Machines that are short of something: a disk, descriptors, processes, a true clock.
#![expect(
    clippy::disallowed_methods,
    reason = "a test starts the programs that it tests"
)]
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::{PermissionsExt, lchown},
    path::Path,
    process::Command,
};

use crate::world::World;

/// Puts a disk of its own at a folder, calls a program there, and keeps what is on the disk at the end.
const ON_DISK: &str = r#"
mount -t tmpfs -o "$1" none "$2" || exit 99
case "$3" in
"") ;;
*) mount -o "remount,$3" "$2" || exit 99 ;;
esac
folder=$2 saved=$4
shift 4
"$@"
code=$?
cp -a "$folder/." "$saved" || exit 99
exit $code
"#;

/// A disk that nobody else has.
pub(crate) struct Disk<'a> {
    /// Where it is, as a folder of the world.
    pub(crate) folder: &'a str,
    /// How it is made, in the words of `mount`.
    pub(crate) options: &'a str,
    /// How it is used then; empty as it was made.
    pub(crate) then: &'a str,
}

impl World {
    /// Lets a call find a disk of its own; what is on it at the end is in the folder `saved`.
    ///
    /// The mount is seen by the call and its children alone, and ends with them.
    pub(crate) fn on_disk(&self, disk: &Disk<'_>, call: &Command) -> Command {
        let (folder, saved) = (self.path(disk.folder), self.path("saved"));
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir_all(&saved).unwrap();
        let mut wrapper = vec!["unshare", "--mount"];
        if !rustix::process::geteuid().is_root() {
            wrapper.extend(["--user", "--map-root-user"]);
        }
        wrapper.extend(["sh", "-c", ON_DISK, "sh", disk.options]);
        wrapper.extend([folder.to_str().unwrap(), disk.then]);
        wrapper.push(saved.to_str().unwrap());
        wrapped(&wrapper, call)
    }

    /// Returns the names of the runs whose records were saved.
    pub(crate) fn saved_runs(&self) -> Vec<String> {
        let runs = fs::read_dir(self.path("saved/runs")).into_iter().flatten();
        let names = runs.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name != "latest").collect()
    }

    /// Puts a test or a hook beside ccci for the recipe.
    pub(crate) fn custom_test(&self, name: &str, text: &str) {
        let path = self.path("kept/plain").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Makes a volume of an app under our base domain that no run knows.
    pub(crate) fn foreign_volume(&self, label: &str) -> String {
        let stack = format!("{label}_{}_test", self.marker());
        let (name, owner) = (
            format!("{stack}_data"),
            format!("com.docker.stack.namespace={stack}"),
        );
        let args = ["volume", "create", "--label", &owner, &name];
        let made = Command::new("docker").args(args).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        name
    }

    /// Gives everything in this world to a user.
    pub(crate) fn belongs_to(&self, user: u32) {
        give(&self.path(""), user);
    }

    /// Changes the recipe's compose file, without a commit.
    pub(crate) fn edit(&self, change: impl Fn(&str) -> String) {
        let path = self.path("work/plain/compose.yml");
        let text = fs::read_to_string(&path).unwrap();
        let changed = change(&text);
        assert_ne!(changed, text, "the recipe is not as the test expects");
        fs::write(path, changed).unwrap();
    }
}

/// Gives a file to a user, and all that is in it.
fn give(path: &Path, user: u32) {
    lchown(path, Some(user), None).unwrap();
    if path.is_dir() && !path.is_symlink() {
        for entry in fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path(), user);
        }
    }
}

/// Returns a call made through another program, in the same surroundings.
pub(crate) fn wrapped(wrapper: &[impl AsRef<OsStr>], call: &Command) -> Command {
    let mut command = Command::new(&wrapper[0]);
    command.args(&wrapper[1..]);
    command.arg(call.get_program()).args(call.get_args());
    command.env_clear().stdin(std::process::Stdio::null());
    for (name, value) in call.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    if let Some(folder) = call.get_current_dir() {
        command.current_dir(folder);
    }
    command
}
