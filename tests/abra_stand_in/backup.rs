//! Snapshots and their restore, with the stand-in as the backup bot.

use crate::lab::{Lab, unpack};

/// Deploys the app and gives it something to save.
fn with_data(name: &str) -> Lab {
    let lab = Lab::new(name).with_app();
    lab.abra(&["app", "deploy", "-n", "-D", &lab.domain]).ok();
    lab.sh("echo before > /data/live.txt; echo no > /skipped/no.txt");
    lab
}

#[test]
fn a_snapshot_is_made_by_hooks_and_restored_into_live_volumes() {
    let lab = with_data("backup");
    let create = ["app", "backup", "create", "-n", &lab.domain];
    lab.abra_ci(&create).fatal("inappropriate ioctl for device");
    assert!(lab.abra_tty(&create).ok().ends_with("Backup finished.\n"));
    let snapshots = lab
        .abra_tty(&["app", "backup", "snapshots", "-n", &lab.domain])
        .ok();
    let id = snapshots.split(' ').next().unwrap();
    assert_eq!(id.len(), 8);
    assert!(id.chars().all(|c| c.is_ascii_hexdigit()), "{snapshots}");

    lab.abra_tty(&["app", "backup", "download", "-n", "-s", id, &lab.domain])
        .ok();
    let dump = format!("var/lib/docker/volumes/{}_data/_data/dump.txt", lab.stack);
    let saved = [(dump.clone(), "before\n".to_owned())];
    assert_eq!(
        unpack(&lab.path("backup.tar.gz")),
        saved,
        "only the path of the label"
    );
    let listed = lab
        .abra_tty(&["app", "backup", "list", "-n", &lab.domain])
        .ok();
    assert_eq!(listed, format!("/{dump}\n"));

    lab.sh("echo after > /data/live.txt; rm /data/dump.txt");
    lab.abra(&["app", "restore", "-n", &lab.domain])
        .fatal("inappropriate ioctl for device");
    lab.abra_tty(&["app", "restore", "-n", "-s", id, &lab.domain])
        .ok();
    assert_eq!(lab.sh("cat /data/live.txt"), "before\n");
    let created = Lab::docker(&["ps", "--all", "--quiet", "--filter", "status=created"]);
    assert_eq!(
        volume_holders(&created, &lab.stack),
        0,
        "no helper stays behind"
    );
}

#[test]
fn a_backup_succeeds_although_its_hook_fails_and_its_dump_is_empty() {
    let lab = with_data("empty");
    lab.sh("rm /data/live.txt");
    let printed = lab
        .abra_tty(&["app", "backup", "create", "-n", &lab.domain])
        .ok();
    assert!(printed.contains("ERROR"), "{printed}");
    assert!(printed.ends_with("Backup finished.\n"));
    assert_eq!(
        lab.abra_tty(&["app", "backup", "list", "-n", &lab.domain])
            .ok(),
        ""
    );
    lab.abra_tty(&["app", "backup", "download", "-n", &lab.domain])
        .fatal("nothing at that path");
}

#[test]
fn a_label_of_the_first_version_is_ignored_and_whole_volumes_are_saved() {
    let lab = Lab::new("first").with_app();
    let compose = std::fs::read_to_string(lab.recipe().join("compose.yml")).unwrap();
    let lines = compose
        .lines()
        .map(|line| match line.find("backupbot.backup.pre-hook") {
            Some(at) => format!("{}backupbot.backup.path=/data/one\"", &line[..at]),
            None => line.to_owned(),
        });
    let kept = lines.filter(|line| !line.contains(".volumes.") && !line.contains("restore"));
    lab.write(
        "recipes/tiny/compose.yml",
        &kept.collect::<Vec<_>>().join("\n"),
    );
    lab.abra(&["app", "deploy", "-n", "-C", "-D", &lab.domain])
        .ok();
    lab.sh("echo 1 > /data/one; echo 2 > /skipped/two");
    lab.abra_tty(&["app", "backup", "create", "-n", "-C", &lab.domain])
        .ok();
    let listed = lab
        .abra_tty(&["app", "backup", "list", "-n", "-C", &lab.domain])
        .ok();
    assert!(listed.contains("_data/_data/one\n") && listed.contains("_skipped/_data/two\n"));
}

/// Counts the containers of a list that hold a volume of a stack.
fn volume_holders(containers: &str, stack: &str) -> usize {
    let holds = |id: &&str| {
        let format = "--format={{range .Mounts}}{{.Name}} {{end}}";
        Lab::docker(&["inspect", id, format]).contains(&format!("{stack}_"))
    };
    containers.lines().filter(holds).count()
}
