//! What is refused before anything is deployed.

use crate::harness::{Deployer, World};

#[test]
fn a_compose_file_that_does_not_parse_is_an_unreadable_recipe() {
    for deployer in [Deployer::Docker, Deployer::Abra] {
        let screen = World::of("unparsable", deployer).test().run().refused(102);
        assert!(screen.contains("compose.yml"), "{screen}");
    }
}

#[test]
fn a_name_that_is_too_long_for_swarm_is_refused_by_name() {
    for deployer in [Deployer::Docker, Deployer::Abra] {
        let world = World::of("name-too-long", deployer);
        let screen = world.test().run().refused(102);
        assert!(
            screen.contains("a_token_for_the_programming_interface_of_the_mail_relay_v1"),
            "{screen}"
        );
        assert!(screen.contains("64"), "{screen}");
    }
}

#[test]
fn a_recipe_that_is_not_there_is_refused() {
    let world = World::of("plain", Deployer::Docker);
    let screen = world.ccci(&["test", "./nosuch"]).run().refused(2);
    assert!(screen.contains("nosuch"), "{screen}");
}
