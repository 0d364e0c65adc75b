//! A container that mounts one volume and runs ccci itself there: for volumes whose files this process cannot reach.
//!
//! Its image holds nothing but the running program with its libraries, so nothing is ever fetched for it.

use std::{fs::File, path::Path, time::Duration};

use serde::Deserialize;

use super::{
    client::{Docker, Error, READ_LIMIT, columns, last_words},
    inventory::STACK_LABEL,
};
use crate::sys::{
    own_program::OwnProgram,
    process::{Exit, Host, Output},
    random,
    tree::{Cause, Failure, Tally, Word},
    wait::pause,
};

/// What the image is called; its tag tells its content.
const IMAGE: &str = "ccci-helper";
/// Where the volume is mounted.
const PLACE: &str = "/volume";
/// How its containers are started, whatever they do: without network, powers, and anything to write to.
const FENCE: [&str; 19] = [
    "run",
    "--rm",
    "--pull=never",
    "--network",
    "none",
    "--read-only",
    "--user",
    "0:0",
    // Owners are those of the host, whatever the engine makes of them in other containers.
    "--userns",
    "host",
    "--cap-drop",
    "ALL",
    "--security-opt",
    "no-new-privileges",
    "--pids-limit",
    "64",
    // The archive passes there too, and would fill the engine's disk once more.
    "--log-driver",
    "none",
    "--init=false",
];
/// How long the import of the image may take.
const IMPORT_LIMIT: Duration = Duration::from_secs(300);
/// How long a container that was on its way may take to turn up after its client was killed.
const LATE: Duration = Duration::from_millis(500);
/// The word by which ccci is told to work on a volume.
pub(crate) const CALL: &str = "__volume";

/// What is done with a volume.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work<'a> {
    /// Count what it holds.
    Measure,
    /// Write it to an archive.
    Pack(&'a Path),
    /// Replace all that it holds by an archive, of at most so many entries.
    Unpack(&'a Path, u64),
}

/// One container to be.
#[derive(Debug)]
pub(crate) struct VolumeContainer<'a> {
    /// Its name, made by `container_name`.
    pub(crate) name: &'a str,
    /// The stack that it shall be taken for a part of.
    pub(crate) stack: &'a str,
    /// The volume.
    pub(crate) volume: &'a str,
    /// What it does there.
    pub(crate) work: Work<'a>,
    /// How long that may take.
    pub(crate) limit: Duration,
}

/// Why work on a volume was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undone {
    /// Docker did not do its part.
    #[error(transparent)]
    Docker(#[from] Error),
    /// The work itself failed.
    #[error("{}", .0.said.join(": "))]
    Failed(Failure),
}

/// The image of this program.
#[derive(Clone, Debug)]
pub(crate) struct OwnImage {
    /// Its name with its tag.
    name: String,
    /// How the program is started in it.
    command: Vec<String>,
    /// Its files, to make it again when somebody removed it.
    program: OwnProgram,
}

/// A line of the list of images.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    /// Its name.
    repository: String,
    /// Its tag.
    tag: String,
}

/// Returns a name for a container that nothing else has.
pub(crate) fn container_name() -> std::io::Result<String> {
    Ok(format!(
        "{IMAGE}-{}",
        random::text(b"0123456789abcdef", 12)?
    ))
}

impl Docker {
    /// Makes sure that the engine has the image of this program; the archive for it lies in a folder meanwhile.
    pub(crate) fn ensure_own_image(&self, scratch: &Path) -> Result<OwnImage, Error> {
        let unreadable = |said: std::io::Error| Error::Refused {
            doing: "get an image of ccci itself".into(),
            said: said.to_string(),
        };
        let program = OwnProgram::find().map_err(unreadable)?;
        let image = OwnImage {
            name: format!("{IMAGE}:{}", program.digest().map_err(unreadable)?),
            command: program.command(),
            program,
        };
        self.import_own_image(&image, scratch)?;
        Ok(image)
    }

    /// Imports the image unless the engine has it, and removes those of other versions that nothing uses.
    fn import_own_image(&self, image: &OwnImage, scratch: &Path) -> Result<(), Error> {
        let wanted = std::slice::from_ref(&image.name);
        if self.image_ids(wanted)?.contains_key(&image.name) {
            return Ok(());
        }
        let unreadable = |said: std::io::Error| Error::Refused {
            doing: "get an image of ccci itself".into(),
            said: said.to_string(),
        };
        let archive = tempfile::NamedTempFile::new_in(scratch).map_err(unreadable)?;
        let written = image.program.write_archive(archive.as_file());
        written.map_err(unreadable)?;
        let call = self.call(
            "import an image of ccci itself",
            IMPORT_LIMIT,
            ["import", "-", &image.name],
        );
        self.run(call.with(|cmd| cmd.stdin_file(archive.path().to_owned())))?;
        self.remove_other_images(image)
    }

    /// Removes the images of other versions; one that is in use stays.
    fn remove_other_images(&self, image: &OwnImage) -> Result<(), Error> {
        let format = columns("Repository Tag");
        let args = ["image", "ls", "--format", &format, IMAGE];
        let lines: Vec<Line> = self.list(self.call("list images", READ_LIMIT, args))?;
        let names = lines.into_iter().filter(|line| line.repository == IMAGE);
        let names = names.map(|line| format!("{}:{}", line.repository, line.tag));
        for other in names.filter(|name| *name != image.name) {
            let call = self.call(
                format!("remove image {other}"),
                READ_LIMIT,
                ["image", "rm", &other],
            );
            self.attempt(call)?;
        }
        Ok(())
    }

    /// Works on a volume in a container of its own, which is gone afterwards however the work ends.
    pub(crate) fn work_on_volume(
        &self,
        image: &OwnImage,
        container: &VolumeContainer<'_>,
        scratch: &Path,
        on_progress: &mut dyn FnMut(u64),
    ) -> Result<Tally, Undone> {
        match self.try_on_volume(image, container, on_progress) {
            // Another version of ccci removed it meanwhile.
            Err(Undone::Docker(error)) if is_without_image(&error) => {
                self.import_own_image(image, scratch)?;
                self.try_on_volume(image, container, on_progress)
            }
            ended => ended,
        }
    }

    /// Works on a volume once.
    fn try_on_volume(
        &self,
        image: &OwnImage,
        container: &VolumeContainer<'_>,
        on_progress: &mut dyn FnMut(u64),
    ) -> Result<Tally, Undone> {
        let mut last = None;
        let mut listen = |line: &str| match Word::parse(line) {
            Some(Word::Progress(done)) => on_progress(done),
            Some(word @ (Word::Done(_) | Word::Failed(_))) => last = Some(word),
            None => {}
        };
        let doing = format!("work on volume {}", container.volume);
        let call = self.call(doing.as_str(), container.limit, container.args(image));
        let cmd = match container.work {
            Work::Measure => call.into_cmd(),
            Work::Pack(archive) => call.into_cmd().stdout_file(archive),
            Work::Unpack(archive, _) => call.into_cmd().stdin_file(archive),
        };
        let output = cmd.stream(self.host(), &mut listen).map_err(Error::from)?;
        if output.ok()
            && let Some(Word::Done(tally)) = last
        {
            return Ok(tally);
        }
        self.remove_late(container.name, output.exit);
        Err(undone(doing, container.limit, last, &output))
    }

    /// Removes a container whose work did not end well, also one that only turns up now.
    fn remove_late(&self, name: &str, exit: Exit) {
        // The signal that ended the work must not end this.
        let interrupt = self.host().interrupt.shielded();
        let docker = self.with_host(&Host {
            interrupt: interrupt.clone(),
            ..self.host().clone()
        });
        let names = [name.to_owned()];
        // What cannot be removed now is found by its label later.
        drop(docker.remove_containers(&names));
        match exit {
            Exit::Success | Exit::Code(_) => {}
            Exit::Signal(_) | Exit::TimedOut | Exit::Interrupted => {
                if pause(LATE, &interrupt) {
                    drop(docker.remove_containers(&names));
                }
            }
        }
    }
}

impl VolumeContainer<'_> {
    /// Returns the arguments of docker that run it.
    fn args(&self, image: &OwnImage) -> Vec<String> {
        let (verb, capabilities, is_input): (&str, &[&str], bool) = match self.work {
            Work::Measure => ("measure", &["DAC_READ_SEARCH"], false),
            Work::Pack(_) => ("pack", &["DAC_READ_SEARCH"], false),
            Work::Unpack(..) => (
                "unpack",
                &[
                    "CHOWN",
                    "DAC_OVERRIDE",
                    "FOWNER",
                    "FSETID",
                    "MKNOD",
                    "SETFCAP",
                ],
                true,
            ),
        };
        let mut args: Vec<String> = FENCE.map(str::to_owned).into();
        args.extend(
            capabilities
                .iter()
                .flat_map(|name| ["--cap-add".to_owned(), (*name).to_owned()]),
        );
        args.extend(["--name".to_owned(), self.name.to_owned()]);
        args.extend([
            "--label".to_owned(),
            format!("{STACK_LABEL}={}", self.stack),
        ]);
        let mut mount = format!(
            "type=volume,source={},target={PLACE},volume-nocopy",
            self.volume
        );
        if is_input {
            args.push("--interactive".to_owned());
        } else {
            mount.push_str(",readonly");
        }
        args.extend(["--mount".to_owned(), mount]);
        let (first, rest) = image.command.split_first().expect("a program has a name");
        args.extend(["--entrypoint".to_owned(), first.clone(), image.name.clone()]);
        args.extend(rest.iter().cloned());
        args.extend([CALL, verb, PLACE].map(str::to_owned));
        if let Work::Unpack(_, most) = self.work {
            args.push(most.to_string());
        }
        args
    }
}

/// Says why work was not done.
fn undone(doing: String, limit: Duration, last: Option<Word>, output: &Output) -> Undone {
    let error = match (output.exit, last) {
        (Exit::TimedOut, _) => Error::TimedOut { doing, limit },
        (Exit::Interrupted, _) => Error::Interrupted,
        (_, Some(Word::Failed(failure))) => return Undone::Failed(failure),
        (Exit::Signal(signal), _) => Error::Killed { doing, signal },
        (Exit::Success | Exit::Code(_), _) => Error::Refused {
            doing,
            said: last_words(output),
        },
    };
    Undone::Docker(error)
}

/// Tells whether docker has no such image.
fn is_without_image(error: &Error) -> bool {
    let said = error.said().to_ascii_lowercase();
    said.contains("no such image") || said.contains("unable to find image")
}

/// Opens an archive that a container wrote, and brings it to the disk.
pub(crate) fn sync_archive(path: &Path) -> std::io::Result<File> {
    let file = File::open(path)?;
    file.sync_all()?;
    Ok(file)
}

/// Returns the failure of an archive that is not what its container wrote.
pub(crate) fn mangled(archive: &Path) -> Undone {
    Undone::Failed(Failure {
        cause: Cause::Damage,
        said: vec![format!(
            "`{}` is not what the container wrote",
            archive.display()
        )],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_that_reads_can_do_nothing_else() {
        let image = OwnImage {
            name: "ccci-helper:0123456789ab".into(),
            command: vec![
                "/lib/ld.so".into(),
                "--library-path".into(),
                "/lib".into(),
                "/bin/ccci".into(),
            ],
            program: OwnProgram::find().unwrap(),
        };
        let container = |work| VolumeContainer {
            name: "ccci-helper-1",
            stack: "a_example_org",
            volume: "a_example_org_data",
            work,
            limit: READ_LIMIT,
        };
        let args = container(Work::Pack(Path::new("x"))).args(&image).join(" ");
        assert!(args.contains("--mount type=volume,source=a_example_org_data,target=/volume,volume-nocopy,readonly "), "{args}");
        assert!(args.ends_with("--entrypoint /lib/ld.so ccci-helper:0123456789ab --library-path /lib /bin/ccci __volume pack /volume"), "{args}");
        assert!(
            args.contains("--label com.docker.stack.namespace=a_example_org "),
            "{args}"
        );
        assert_eq!(args.matches("--cap-add").count(), 1, "{args}");
        let args = container(Work::Unpack(Path::new("x"), 7))
            .args(&image)
            .join(" ");
        assert!(
            args.ends_with("__volume unpack /volume 7") && args.contains("--interactive"),
            "{args}"
        );
    }
}
