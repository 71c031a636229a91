use super::known::Known;
use super::run::Runner;
use super::write;

/// At length: `cargo run --release -p emr-tests --bin programs`.
const PROGRAMS: u64 = 25;
const MESSAGES: u64 = 40;

#[test]
fn programs_are_carried_out_alike() {
    let mut runner = Runner::default();
    for seed in 0..PROGRAMS {
        runner.program(seed, 0..MESSAGES, &mut |_| {});
    }
    let results = runner.results;
    println!("{results}");
    let unsound = results.unsound.iter().map(|(seed, wrong)| format!("{seed}:\n{wrong}")).collect::<String>();
    assert!(results.unsound.len() <= 1, "{unsound}");
    let differences: Vec<_> = results.differences.iter().map(|it| (it.seed, it.number, &it.what)).collect();
    assert!(differences.is_empty(), "{differences:#?}");
    assert!(results.native > 0 && results.with_issues > 0 && results.unreadable > 0, "{results}");
    assert!(results.resources > 0 && results.resources_deferred < results.resources / 10, "{results}");
}

#[test]
fn a_seed_always_gives_the_same_program() {
    let known = Known::default();
    assert_eq!(write(&known, 7).text, write(&Known::default(), 7).text);
    assert_ne!(write(&known, 7).text, write(&known, 8).text);
}
