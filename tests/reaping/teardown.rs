//! Removal of an app that somebody names: with Docker alone, and of nobody else's app.

use crate::world::{World, end};

#[test]
fn a_kept_app_goes_by_its_run_or_by_its_domain_with_nothing_of_it_on_disk() {
    let world = World::new();
    let keep = || {
        let mut keep = world.test("install");
        keep.args(["--keep", "always"]);
        end(keep).exits(0)
    };
    keep();
    let kept = world.objects();
    let run = world.runs().remove(0);
    std::fs::remove_dir_all(world.path("state/runs").join(&run).join("abra")).expect("it was kept");
    std::fs::remove_dir_all(world.path("work/tiny/.git")).expect("it was made here");
    let said = end(world.bare(&["teardown", &run])).exits(106);
    assert!(said.contains("is kept") && said.contains("--yes"), "{said}");
    let said = end(world.bare(&["teardown", &run, "--dry-run"])).exits(0);
    assert!(said.contains("would remove"), "{said}");
    assert_eq!(world.objects(), kept);
    let said = end(world.bare(&["teardown", &run, "--yes"])).exits(0);
    assert!(
        said.contains("removed ") && said.contains("1 volume"),
        "{said}"
    );
    world.assert_clean();
    // It is gone already, which is no error.
    end(world.bare(&["teardown", &run])).exits(0);
}

#[test]
fn all_runs_that_are_over_go_at_once() {
    let world = World::new();
    for reference in ["0.1.0+1.35.0", "0.2.0+1.35.0"] {
        let mut keep = world.test("install");
        keep.args(["--keep", "always", "--ref", reference]);
        end(keep).exits(0);
    }
    end(world.bare(&["teardown", "--all-runs"])).exits(106);
    assert!(!world.objects().is_empty());
    end(world.bare(&["teardown", "--all-runs", "--yes"])).exits(0);
    world.assert_clean();
}

#[test]
fn apps_that_are_not_ours_need_their_full_name() {
    let world = World::new();
    let base = world.base_domain();
    let foreign = format!("wiki.{base}");
    let warm = format!("warm-tiny.{base}");
    for label in ["wiki", "warm-tiny"] {
        world.volume_of(label);
    }
    let all = world.objects();
    for domain in [&foreign, &warm] {
        for args in [
            &["teardown", domain][..],
            &["teardown", domain, "--yes"],
            &["teardown", domain, "--dry-run"],
            &["teardown", domain, "--confirm", &base],
        ] {
            end(world.bare(args)).exits(106);
        }
        let said = end(world.bare(&["teardown", domain])).exits(106);
        assert!(said.contains(&format!("--confirm={domain}")), "{said}");
        assert_eq!(world.objects(), all);
    }
    for bad in ["", "*"] {
        end(world.bare(&["teardown", bad])).exits(2);
    }
    for domain in [&foreign, &warm] {
        let confirm = format!("--confirm={domain}");
        end(world.bare(&["teardown", domain, &confirm])).exits(0);
    }
    world.assert_clean();
}
