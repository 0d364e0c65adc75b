//! What cannot be removed is named, and decides the exit code.

use ccci::model::resource::ResourceKind;

use crate::harness::{Deployer, World, docker};

#[test]
fn a_volume_that_somebody_else_holds_is_a_leak() {
    let world = World::of("plain", Deployer::Docker);
    let holder = format!("{}-holder", world.marker());
    // Not of the app's stack, so no teardown has a right to remove it.
    world.keep_program(
        "test_hold.sh",
        &format!("exec docker run --detach --name {holder} --volume ${{CCCI_STACK}}_data:/held busybox:1.35.0 sleep 600\n"),
    );
    let call = world.test().args(&["--stages", "install,custom"]);
    let judged = call
        .env("CCCI_TEARDOWN_TIMEOUT", "5s")
        .run()
        .judged_with_leaks(104);
    docker(&["rm", "--force", &holder]);
    let report = &judged.records.report;
    let left = &report.teardown.as_ref().expect("teardown ended").left;
    let kinds: Vec<_> = left.iter().map(|object| object.kind).collect();
    assert_eq!(kinds, [ResourceKind::Volume], "{left:?}");
    let volume = &left[0].name;
    assert!(volume.ends_with("_data"), "{volume}");
    assert_eq!(
        report.finished.as_ref().map(|finished| finished.leaked),
        Some(1)
    );
    let shown = format!("volume `{volume}` remains");
    assert!(judged.screen.contains(&shown), "{}", judged.screen);
    let junit = judged
        .records
        .junit
        .to_string()
        .expect("it is written again");
    assert!(junit.contains(volume.as_str()), "{junit}");
    assert_eq!(world.objects(), [format!("volume {volume}")]);
    docker(&["volume", "rm", volume]);
}
