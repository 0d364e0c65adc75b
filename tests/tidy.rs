//! The rules of this repository as tests: each names the places that break it.
//!
//! A rule is a pure function over the repository's texts, so that its own tests can show that it fires.

#[path = "tidy/documents.rs"]
mod documents;
#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/manifest.rs"]
mod manifest;
#[path = "tidy/map.rs"]
mod map;
#[path = "tidy/reach.rs"]
mod reach;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/words.rs"]
mod words;

use source::Repository;

/// Fails with every violation on a line of its own.
fn demand(rule: fn(&Repository) -> Vec<String>) {
    let violations = rule(&Repository::read());
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

#[test]
fn folders_depend_only_on_folders_to_their_right() {
    demand(layers::wrong_edges);
}

#[test]
fn folders_inside_a_layer_form_no_cycle() {
    demand(layers::cycles);
}

#[test]
fn the_model_reads_no_clock_no_disk_and_no_environment() {
    demand(layers::impure_model);
}

#[test]
fn files_stay_small() {
    demand(shape::long_files);
}

#[test]
fn every_file_says_what_it_owns() {
    demand(shape::files_without_sentence);
}

#[test]
fn a_folder_file_holds_modules_and_nothing_else() {
    demand(shape::full_folder_files);
}

#[test]
fn no_file_is_a_drawer_for_odds_and_ends() {
    demand(shape::drawers);
}

#[test]
fn the_program_has_at_most_four_traits() {
    demand(shape::too_many_traits);
}

#[test]
fn every_file_of_code_is_compiled() {
    demand(reach::forgotten_files);
}

#[test]
fn the_code_map_is_complete() {
    demand(map::stale_map);
}

#[test]
fn dependencies_are_few_and_each_has_its_reason() {
    demand(manifest::unexplained_dependencies);
}

#[test]
fn the_changelog_has_an_entry_for_this_version() {
    demand(manifest::missing_changelog_entry);
}

#[test]
fn nothing_prints_past_the_sink() {
    demand(words::stray_prints);
}

#[test]
fn no_test_is_switched_off() {
    demand(words::switched_off_tests);
}

#[test]
fn nothing_cites_tickets_or_leaves_work_for_later() {
    demand(words::codes_and_promises);
}

#[test]
fn no_path_of_one_machine_is_written_down() {
    demand(words::paths_of_a_machine);
}

#[test]
fn types_are_named_for_what_they_are() {
    demand(words::hollow_type_names);
}

#[test]
fn the_glossary_has_every_word() {
    demand(documents::words_without_entry);
}

#[test]
fn documents_explain_every_rule_code_and_key() {
    demand(documents::unexplained);
}

#[test]
fn examples_in_documents_use_keys_that_exist() {
    demand(documents::wrong_examples);
}

#[test]
fn links_between_documents_lead_somewhere() {
    demand(documents::dead_links);
}

#[test]
fn documents_have_one_sentence_a_line_and_plain_headings() {
    demand(documents::wrong_form);
}

#[test]
fn decisions_are_short_and_whole() {
    demand(documents::decisions_out_of_form);
}
