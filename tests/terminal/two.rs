//! One terminal, two recipes: a signal is for both.

use ccci::model::stage::Stage;

use crate::{
    given_up::{assert_named, commands},
    glass::{CTRL_C, Glass},
    held,
    once::assert_cancelled,
    recipe,
    world::World,
};

/// Makes a world with two recipes.
fn two() -> World {
    let world = World::new();
    recipe::add_other(&world);
    world
}

#[test]
fn one_interrupt_tears_two_recipes_down() {
    let world = two();
    for recipe in ["plain", "other"] {
        recipe::hold_convergence(&world, recipe);
    }
    let mut test = world.ccci(&["test", "-j", "2", "./plain", "./other"]);
    test.args(["--stages", "install,custom"]);
    let glass = Glass::run(&test);
    glass.wait_for(&["plain [", "other [", "2 running"]);
    glass.type_in(CTRL_C);
    let last = glass.end().exits(130).gives_terminal_back();
    for recipe in ["plain", "other"] {
        let last = last.lines_with(&format!("{recipe}: interrupt: tearing down; "));
        assert_eq!(last.len(), 1, "{recipe}");
    }
    let reports = held::reports(&world);
    assert_eq!(reports.len(), 2);
    for report in &reports {
        assert_cancelled(report, Stage::Install, 130);
    }
    world.assert_clean();
}

#[test]
fn a_second_interrupt_names_what_each_of_two_recipes_left() {
    let world = two();
    held::hold_docker(&world, "service rm");
    let mut test = world.ccci(&["test", "-j", "2", "./plain", "./other"]);
    test.args(["--stages", "install"]);
    let glass = Glass::run(&test);
    held::wait_for_docker(&world, 2);
    glass.type_in(CTRL_C);
    let cancelling = ["plain: interrupt: tearing", "other: interrupt: tearing"];
    glass.wait_for(&cancelling);
    glass.type_in(CTRL_C);
    let last = glass.end().exits(130).gives_terminal_back();
    world.assert_no_process();
    assert_named(&world, &last);
    let commands = commands(&last);
    assert_eq!(commands.len(), 2, "{commands:?}");
    world.docker_obeys(&serde_json::json!([]));
    for command in commands {
        world.end(world.ccci(&command)).exits(0).said("removed");
    }
    world.assert_clean();
}
