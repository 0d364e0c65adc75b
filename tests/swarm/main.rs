//! Runs the real `ccci` on a real swarm, then asks Docker itself what is there.

mod harness;

mod broken_runs;
mod canonicals;
mod dependencies;
mod dependency_hooks;
mod doctor;
mod enrolled;
mod good_runs;
mod install_failures;
mod kept_tests;
mod later_failures;
mod leaks;
mod overlays;
mod proxy_runs;
mod reconciling;
mod refusals;
mod repeats;
mod secrecy;
mod selection;
mod snapshots;
mod sweeps;
mod trust;

#[expect(dead_code, reason = "a forge that misbehaves matters to others")]
#[path = "../programs/gitea.rs"]
mod gitea;
