//! Stands in for a tool whose place it takes by a link, and does what the rules beside the link say to single calls.
#![expect(
    clippy::disallowed_methods,
    reason = "a program of its own, outside the gates of the product"
)]

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Read, Seek, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

use rustix::process::{Signal, getpid, getppid, kill_process};
use serde::{Deserialize, Serialize};

/// What stands in the file beside the link.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Orders {
    /// The program whose place is taken.
    real: PathBuf,
    /// What to do to calls; the first rule that fits decides.
    #[serde(default)]
    rules: Vec<Rule>,
}

/// What to do to some calls.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a word of its own in a rule"
)]
struct Rule {
    /// The first words of the calls; none fits all calls.
    #[serde(default)]
    verb: String,
    /// A text in one of their words.
    #[serde(default)]
    has: String,
    /// Which of them, counted from one; all when not given.
    call: Option<usize>,
    /// Waits before anything else.
    #[serde(default)]
    delay_ms: u64,
    /// Waits until so many of them were made.
    #[serde(default)]
    together: usize,
    /// A pipe by which it says that it is there, before it does anything.
    tells: Option<PathBuf>,
    /// A pipe on which it waits for a word then.
    until: Option<PathBuf>,
    /// Reads its input to the end.
    #[serde(default)]
    reads: bool,
    /// Sends the caller these signals, by number, before the real program is run.
    #[serde(default)]
    signals: Vec<i32>,
    /// Ends itself by this signal, by number, in place of the real program.
    die: Option<i32>,
    /// Waits for ever in place of the real program, once it has printed what comes before its output.
    #[serde(default)]
    hang: bool,
    /// Prints for ever once the real program has ended.
    #[serde(default)]
    flood: bool,
    /// Kills the real program, and then itself, when that has printed a line.
    #[serde(default)]
    dies: bool,
    /// Leaves the real program out.
    #[serde(default)]
    skip: bool,
    /// What is printed before the output of the real program.
    #[serde(default)]
    before: String,
    /// Cuts the output after so many bytes.
    cut: Option<usize>,
    /// What is said on standard error.
    #[serde(default)]
    stderr: String,
    /// The exit code in place of the real one.
    exit: Option<i32>,
}

impl Rule {
    /// Tells whether the rule is about a call that was made so many times, this one included.
    fn fits(&self, words: &[String], number: usize) -> bool {
        self.concerns(words) && self.call.is_none_or(|call| call == number)
    }

    /// Tells whether the rule is about such calls.
    fn concerns(&self, words: &[String]) -> bool {
        begins(words, &self.verb) && words.iter().any(|word| word.contains(&self.has))
    }

    /// Counts the calls that the rule is about.
    fn count(&self, calls: &[Vec<String>]) -> usize {
        calls.iter().filter(|call| self.concerns(call)).count()
    }

    /// Tells whether the call goes on as the real program.
    fn is_transparent(&self) -> bool {
        !self.skip
            && !self.flood
            && self.exit.is_none()
            && self.cut.is_none()
            && self.before.is_empty()
            && self.stderr.is_empty()
    }

    /// Does to the call what the rule says, and returns its exit code.
    fn apply(&self, orders: &Orders, args: &[OsString], calls: &Path) -> i32 {
        thread::sleep(Duration::from_millis(self.delay_ms));
        while self.count(&read(calls)) < self.together {
            thread::sleep(Duration::from_millis(10));
        }
        if let Some(pipe) = &self.tells {
            std::fs::write(pipe, "there\n").expect("somebody reads the pipe");
        }
        if let Some(pipe) = &self.until {
            std::fs::read(pipe).expect("somebody writes to the pipe");
        }
        if self.reads {
            std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).expect("the input ends");
        }
        for number in &self.signals {
            let signal = Signal::from_named_raw(*number).expect("the rule names a signal");
            let caller = getppid().expect("a caller waits for this program");
            kill_process(caller, signal).expect("the caller is ours to signal");
        }
        if let Some(number) = self.die {
            let signal = Signal::from_named_raw(number).expect("the rule names a signal");
            // The first one may only take away what the runtime does about it.
            loop {
                kill_process(getpid(), signal).expect("a process may signal itself");
            }
        }
        if self.hang {
            print(self.before.as_bytes());
            loop {
                thread::park();
            }
        }
        if self.dies {
            die(orders, args);
        }
        if self.is_transparent() {
            become_real(orders, args);
        }
        let output = (!self.skip).then(|| real_output(orders, args));
        if self.flood {
            loop {
                print(b"and so on\n");
                thread::sleep(Duration::from_millis(1));
            }
        }
        self.answer(output.as_ref())
    }

    /// Prints what the caller gets to see, and returns the exit code.
    fn answer(&self, output: Option<&Output>) -> i32 {
        let mut printed = self.before.clone().into_bytes();
        printed.extend(output.iter().flat_map(|output| &output.stdout));
        printed.truncate(self.cut.unwrap_or(usize::MAX));
        let mut said = output.map_or_else(Vec::new, |output| output.stderr.clone());
        said.extend(self.stderr.bytes());
        print(&printed);
        // A caller that is gone reads nothing.
        drop(std::io::stderr().write_all(&said));
        let real = output.map_or(Some(0), |output| output.status.code());
        self.exit.or(real).unwrap_or(1)
    }
}

/// Tells whether a call begins with the words of a verb.
fn begins(words: &[String], verb: &str) -> bool {
    let verb: Vec<&str> = verb.split_whitespace().collect();
    words.len() >= verb.len() && words.iter().zip(verb).all(|(word, verb)| word == verb)
}

/// Prints at once, also what is no whole line.
fn print(bytes: &[u8]) {
    let mut stdout = std::io::stdout();
    // A caller that is gone reads nothing.
    drop(stdout.write_all(bytes).and_then(|()| stdout.flush()));
}

/// Runs the real program until it has printed a line, then kills it and this one.
fn die(orders: &Orders, args: &[OsString]) -> ! {
    let mut command = Command::new(&orders.real);
    let mut child = command
        .args(args)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the real program starts");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("its output is ours to read");
    // A program that prints nothing is killed at its end.
    drop(BufReader::new(stdout).read_line(&mut line));
    child.kill().expect("the real program is ours to kill");
    child.wait().expect("a killed program ends");
    let own = rustix::process::getpid();
    kill_process(own, Signal::KILL).expect("this program may kill itself");
    unreachable!("nobody outlives that signal")
}

/// Runs the real program with our input, and keeps what it prints.
fn real_output(orders: &Orders, args: &[OsString]) -> Output {
    let mut command = Command::new(&orders.real);
    command.args(args).stdin(Stdio::inherit());
    command.output().expect("the real program starts")
}

/// Goes on as the real program.
fn become_real(orders: &Orders, args: &[OsString]) -> ! {
    let error = Command::new(&orders.real).args(args).exec();
    panic!("{}: {error}", orders.real.display());
}

/// Writes something down as a line of its own, and returns all lines so far.
fn note(path: &Path, value: &impl Serialize) -> String {
    let mut options = OpenOptions::new();
    let mut file: File = options
        .read(true)
        .append(true)
        .create(true)
        .open(path)
        .expect("notes can be written beside the link");
    file.lock().expect("notes can be locked");
    let line = serde_json::to_string(value).expect("the note becomes JSON");
    writeln!(file, "{line}").expect("the note is written");
    file.rewind().expect("notes can be read again");
    let mut text = String::new();
    file.read_to_string(&mut text).expect("notes are text");
    text
}

/// Returns all calls so far, each as its words.
fn read(path: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).expect("the calls can be read");
    parse(&text)
}

/// Reads calls, but for the last line when somebody is still writing it.
fn parse(text: &str) -> Vec<Vec<String>> {
    let whole = text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    let call = |line| serde_json::from_str(line).expect("each line is a call");
    whole.map(call).collect()
}

/// Obeys the orders beside the link.
fn main() {
    let mut args = std::env::args_os();
    let link = PathBuf::from(args.next().expect("a program has a name"));
    let args: Vec<OsString> = args.collect();
    let words: Vec<String> = args
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let text = std::fs::read_to_string(link.with_extension("json"));
    let text = text.expect("orders lie beside the link");
    let orders: Orders = serde_json::from_str(&text).expect("the orders can be read");
    let environment: BTreeMap<String, String> = std::env::vars().collect();
    note(&link.with_extension("environments"), &environment);
    let noted = link.with_extension("calls");
    let calls = parse(&note(&noted, &words));
    let mut rules = orders.rules.iter();
    match rules.find(|rule| rule.fits(&words, rule.count(&calls))) {
        Some(rule) => std::process::exit(rule.apply(&orders, &args, &noted)),
        None => become_real(&orders, &args),
    }
}
