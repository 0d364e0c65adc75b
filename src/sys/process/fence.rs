//! A fence around a child: which files of this host it can read and write, kept by the kernel's Landlock.
//!
//! It guards files and other processes; what the child may ask of a network or of the engine is not its affair.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
};

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, PathFdError,
    Ruleset, RulesetAttr, RulesetCreatedAttr, Scope,
};
use rustix::{
    process::{DumpableBehavior, geteuid, set_dumpable_behavior},
    thread::{
        CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set,
        clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
    },
};

/// The devices that programs write to as a matter of course; no disk is among them.
const DEVICES: [&str; 8] = [
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/ptmx",
    "/dev/pts",
];
/// The folder of memory that processes share, which browsers cannot do without.
const SHARED_MEMORY: &str = "/dev/shm";

/// The powers that root keeps, those that concern files and users: the others lead past any fence. Who may watch the whole
/// system, to name one, reads the environment of each process.
const KEPT_BY_ROOT: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::NET_RAW);

/// What a child cannot reach; what is said of a folder holds for all below it.
///
/// Behind any fence a child neither sees the environment and the memory of processes outside it, nor ends them, nor
/// gets rights that it did not have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fence {
    /// What cannot be read.
    pub(crate) hidden: Vec<PathBuf>,
    /// What can be read although it lies in something hidden.
    pub(crate) shown: Vec<PathBuf>,
    /// What can be read and written; nothing else can be written.
    pub(crate) writable: Vec<PathBuf>,
}

impl Fence {
    /// Puts the calling thread behind the fence, with each process that it starts from now on.
    fn close(&self) -> io::Result<()> {
        let read = BitFlags::from(AccessFs::ReadFile);
        let write = AccessFs::WriteFile | AccessFs::Truncate;
        // A device made in a folder would be a way round all that is hidden.
        let make = AccessFs::from_write(ABI::V3) & !(AccessFs::MakeChar | AccessFs::MakeBlock);
        give_up_powers()?;
        let places = visible(&self.hidden);
        let mut rules = Vec::new();
        allow(&mut rules, places.iter().chain(&self.shown), read)?;
        allow(&mut rules, &self.writable, read | make)?;
        allow(&mut rules, DEVICES.map(Path::new), write)?;
        allow(&mut rules, [Path::new(SHARED_MEMORY)], read | make)?;
        if !geteuid().is_root() {
            // Browsers set up their own sandbox there; for root there is far more to be written.
            allow(
                &mut rules,
                [Path::new("/proc")],
                BitFlags::from(AccessFs::WriteFile),
            )?;
        }
        let ruleset = Ruleset::default()
            .handle_access(read | AccessFs::from_write(ABI::V3))
            .and_then(|ruleset| ruleset.scope(Scope::Signal))
            .and_then(Ruleset::create)
            .map_err(io::Error::other)?;
        let rules = rules.into_iter().map(Ok::<_, landlock::RulesetError>);
        ruleset
            .add_rules(rules)
            .and_then(landlock::RulesetCreated::restrict_self)
            .map_err(io::Error::other)?;
        Ok(())
    }

    /// Does something behind the fence, in a thread that ends with it.
    pub(super) fn within<T: Send>(
        &self,
        act: impl FnOnce() -> io::Result<T> + Send,
    ) -> io::Result<T> {
        thread::scope(|scope| {
            let fenced = thread::Builder::new().name("fence".to_owned());
            let fenced = fenced.spawn_scoped(scope, || self.close().and_then(|()| act()))?;
            let panicked = |_| Err(io::Error::other("the thread behind the fence panicked"));
            fenced.join().unwrap_or_else(panicked)
        })
    }
}

/// Gives up what the thread's children could do that other processes cannot, [`KEPT_BY_ROOT`] excepted.
fn give_up_powers() -> io::Result<()> {
    clear_ambient_capability_set()?;
    let own = capabilities(None)?;
    let inheritable = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { inheritable, ..own })?;
    // Nobody else has any to pass on: what makes others mighty is of no avail behind a fence.
    if geteuid().is_root() {
        for power in CapabilitySet::all().difference(KEPT_BY_ROOT).iter() {
            // Older kernels do not know all of them.
            if capability_is_in_bounding_set(power).unwrap_or(false) {
                remove_capability_from_bounding_set(power)?;
            }
        }
    }
    Ok(())
}

/// Tells whether the kernel keeps fences.
pub(crate) fn is_kept() -> bool {
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))
        .and_then(Ruleset::create)
        .is_ok()
}

/// Hides the environment and the memory of this process from all others that are not root's.
pub(crate) fn hide_ourselves() {
    // Where the kernel refuses, all is as it would be without.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// Adds rules for paths; one that is not there needs none.
fn allow<P: AsRef<Path>>(
    rules: &mut Vec<PathBeneath<PathFd>>,
    paths: impl IntoIterator<Item = P>,
    access: BitFlags<AccessFs>,
) -> io::Result<()> {
    for path in paths {
        let place = match PathFd::new(&path) {
            Ok(place) => place,
            Err(PathFdError::OpenCall { source, .. }) if is_passable(&source) => continue,
            Err(error) => return Err(io::Error::other(error)),
        };
        let access = if path.as_ref().is_dir() {
            access
        } else {
            access & AccessFs::from_file(ABI::V3)
        };
        rules.push(PathBeneath::new(place, access));
    }
    Ok(())
}

/// Tells whether a path that cannot be opened needs no rule: it is gone, or closed to us and so to a child.
fn is_passable(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory
    )
}

/// Returns places that hold all there is but what is hidden, each as high up as can be.
fn visible(hidden: &[PathBuf]) -> Vec<PathBuf> {
    // What is not there cannot be read; a path that cannot be followed is taken as it is written.
    let real = |path: &PathBuf| fs::canonicalize(path).unwrap_or_else(|_| path.clone());
    let hidden: Vec<_> = hidden.iter().map(real).collect();
    let mut places = Vec::new();
    let mut open = vec![PathBuf::from("/")];
    while let Some(place) = open.pop() {
        if hidden.iter().any(|path| place.starts_with(path)) {
            continue;
        }
        if !hidden.iter().any(|path| path.starts_with(&place)) {
            places.push(place);
            continue;
        }
        // Where a link leads is visible or hidden by its own path. A folder that cannot be listed shows nothing.
        let entries = fs::read_dir(&place).into_iter().flatten().flatten();
        let entries =
            entries.filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_symlink()));
        open.extend(entries.map(|entry| entry.path()));
    }
    places
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sys::{
        interrupt::Interrupt,
        process::{Cmd, Exit, Host, Output},
        redact::Redactor,
    };

    /// A place with a file outside the fence, and a folder within.
    struct Place {
        /// Removed in the end.
        root: tempfile::TempDir,
        /// Around the children.
        fence: Fence,
    }

    impl Place {
        fn new() -> Self {
            assert!(
                is_kept(),
                "this needs a kernel with Landlock, 5.13 or newer"
            );
            let root = tempfile::tempdir().unwrap();
            let path = |name: &str| root.path().join(name);
            for folder in ["secrets", "secrets/own", "mine"] {
                fs::create_dir(path(folder)).unwrap();
            }
            for file in ["secrets/token", "secrets/own/known", "beside"] {
                fs::write(path(file), "t0ps3cret").unwrap();
            }
            std::os::unix::fs::symlink(path("secrets"), path("link")).unwrap();
            let fence = Fence {
                hidden: vec![path("secrets")],
                shown: vec![path("secrets/own")],
                writable: vec![path("mine")],
            };
            Self { root, fence }
        }

        /// Runs a script behind the fence.
        fn run(&self, script: &str) -> Output {
            let host = Host {
                redactor: Redactor::default(),
                interrupt: Interrupt::never(),
                base_env: vec![("PATH".into(), "/usr/bin:/bin".into())],
                inherit: None,
                echo: None,
            };
            let cmd = Cmd::new("/bin/sh", Duration::from_secs(20)).args(["-c", script]);
            let cmd = cmd.dir(self.root.path()).fence(self.fence.clone());
            cmd.run(&host).unwrap()
        }

        /// Asserts whether a script can do all that it does.
        #[track_caller]
        fn check(&self, script: &str, can: bool) {
            let output = self.run(script);
            let exit = output.exit == Exit::Success;
            assert_eq!(exit, can, "{script}: {}", output.tail(5));
        }
    }

    #[test]
    fn what_is_hidden_cannot_be_read_by_any_path_and_all_else_can() {
        let place = Place::new();
        for script in [
            "cat secrets/token",
            "cat link/token",
            "cat mine/../secrets/token",
            "ln secrets/token mine/t && cat mine/t",
            "mv secrets/token mine/t && cat mine/t",
            "cd secrets && cat token",
        ] {
            place.check(script, false);
        }
        place.check(
            "cat beside secrets/own/known /etc/passwd /proc/self/stat > /dev/null",
            true,
        );
        assert!(place.root.path().join("secrets/token").is_file());
    }

    #[test]
    fn only_what_is_writable_can_be_written() {
        let place = Place::new();
        for script in [
            "echo x >> beside",
            ": > beside",
            "echo x > new",
            "mkdir new",
            "rm beside",
            "mv beside mine/",
            "echo x > secrets/own/known",
            "mknod mine/disk b 7 0",
            "mkfifo pipe",
            "ln -s x y",
        ] {
            place.check(script, false);
        }
        place.check(
            "mkdir -p mine/a/b && echo x > mine/a/b/c && mv mine/a/b/c mine/d && rm -r mine/a && cat mine/d",
            true,
        );
        assert_eq!(
            fs::read_to_string(place.root.path().join("beside")).unwrap(),
            "t0ps3cret"
        );
    }

    #[test]
    fn neither_the_environment_nor_the_life_of_others_is_in_reach() {
        let place = Place::new();
        let me = std::process::id();
        place.check(&format!("cat /proc/{me}/environ"), false);
        place.check(&format!("cat /proc/{me}/maps"), false);
        place.check(&format!("readlink /proc/{me}/fd/0"), false);
        place.check(&format!("ls /proc/{me}/root/"), false);
        let guards_lives = Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .scope(Scope::Signal)
            .is_ok();
        // Kernels before 6.12 cannot.
        place.check(&format!("kill -0 {me}"), !guards_lives);
        place.check("sleep 60 & kill $! && cat /proc/self/environ", true);
    }
}
