//! What a process costs: the time until it is done, and the most memory it held.

use std::fs;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::bench_table::median;
use crate::run::{Cmd, cmd, last_lines, pause};

/// How often a start is measured.
const STARTS: usize = 50;

/// How long a process that is watched may go unseen; by so much its time may be too long.
const LOOK: Duration = Duration::from_millis(2);

/// What one process cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Seconds.
    pub(crate) took: f64,
    /// The most memory of the process itself, its children left out, in MB.
    pub(crate) memory: f64,
}

/// Runs a process to its end, watches it meanwhile, and refuses any end but success.
pub(crate) fn watch(call: Cmd, log: &Path) -> Result<Cost> {
    let begin = Instant::now();
    let mut child = call.detach(log)?;
    let mut memory = None;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        // The mark only rises, so the last look tells all but the last moment.
        memory = peak(&child).or(memory);
        pause(LOOK);
    };
    let took = begin.elapsed().as_secs_f64();
    ensure!(
        status.success(),
        "a measured process ended with {status}\n{}",
        last_lines(log, 15)?
    );
    let memory = memory.context("a measured process ended before it was looked at")?;
    Ok(Cost { took, memory })
}

/// Measures the starts of ccci and of a program that does nothing, by turns; both medians in milliseconds.
pub(crate) fn startups(ccci: &Path) -> Result<(f64, f64)> {
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        ours.push(start(cmd(ccci, &["--version"]))?);
        bare.push(start(cmd("/bin/true", &[]))?);
    }
    Ok((median(&ours), median(&bare)))
}

/// Measures one call in milliseconds.
fn start(call: Cmd) -> Result<f64> {
    let begin = Instant::now();
    call.read()?;
    Ok(begin.elapsed().as_secs_f64() * 1000.0)
}

/// Returns the most memory that docker's own client holds while it waits for events, in MB.
pub(crate) fn client_memory() -> Result<f64> {
    let log = tempfile::NamedTempFile::new()?;
    let mut client = cmd("docker", &["events"]).detach(log.path())?;
    pause(Duration::from_millis(500));
    let memory = peak(&client);
    client.kill()?;
    client.wait()?;
    memory.context("`docker events` ended before it was looked at")
}

/// Returns the most memory that a running process has held so far, in MB.
fn peak(child: &Child) -> Option<f64> {
    parse_peak(&fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?)
}

/// Reads the mark from the text that Linux keeps of a process.
fn parse_peak(status: &str) -> Option<f64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024.0 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_of_memory_is_read_and_a_process_that_ended_has_none() {
        let status =
            "Name:\tccci\nVmPeak:\t  500000 kB\nVmHWM:\t   15625 kB\nVmRSS:\t   14000 kB\n";
        assert!((parse_peak(status).unwrap() - 16.0).abs() < 1e-9);
        assert_eq!(parse_peak("Name:\tccci\nState:\tZ (zombie)\n"), None);
    }
}
