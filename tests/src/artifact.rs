//! The file of `emr build`: what is in it comes out again, and nothing runs that is not as it was written.

use std::path::PathBuf;
use std::sync::Arc;

use emr_abi::artifact::{FORM, Head, Index, PAGE, Part};
use emr_compiler::db;
use emr_compiler::plan::Plan;
use emr_message::Settings;
use emr_native::artifact::{self, Entry};
use emr_native::{Compiler, Target};
use emr_runtime::host::{Artifact, Loaded, Machine, Ran, Unusable};
use tempfile::TempDir;
use xxhash_rust::xxh3::xxh3_64;

use crate::pipeline;
use crate::plans;
use crate::random::Random;

/// Maps as an artifact: the key and the plan of each.
fn built<'p>(target: &Target, plans: impl Iterator<Item = &'p Arc<Plan>>) -> Vec<u8> {
    let entry = |plan: &Arc<Plan>| Entry {
        holds: None,
        name: plan.name.to_string(),
        takes: vec!["ADT_A01".to_owned()],
        plan: Arc::clone(plan),
        rules: (0..plan.rules.len()).map(|rule| format!("x.emr:{rule}")).collect(),
    };
    let settings = artifact::Settings { zone: Some("Europe/Zurich".to_owned()), charset: None };
    artifact::artifact(&Compiler::new(target).unwrap(), &settings, &plans.map(entry).collect::<Vec<_>>())
}

/// A small one, since its bytes are looked at one by one.
fn small(target: &Target) -> Vec<u8> {
    built(target, [small_plan()].iter())
}

fn small_plan() -> Arc<Plan> {
    let text = "map patient(PID) -> Patient {\n    gender: \"unknown\"\n    birthDate: PID-7\n}\n";
    pipeline::module(text).map("main.patient").plan
}

/// A folder for files that are opened as artifacts.
struct Shelf(TempDir);

impl Shelf {
    fn new() -> Shelf {
        Shelf(tempfile::tempdir().unwrap())
    }

    fn put(&self, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join("maps.emrx");
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn open(&self, bytes: &[u8]) -> Result<Artifact, Unusable> {
        Artifact::open(&self.put(bytes))
    }
}

#[test]
fn every_plan_reads_back_as_it_was() {
    let plans = plans::all();
    println!("{} plans", plans.len());
    assert!(plans.len() > 100);
    for (name, plan) in plans {
        assert_eq!(Plan::read(&plan.stored()).as_ref(), Some(&**plan), "{name}");
    }
}

#[test]
fn code_is_made_for_each_architecture() {
    for architecture in ["x86_64", "aarch64"] {
        let compiler = Compiler::new(&Target::Triple(architecture.to_owned())).unwrap();
        assert_eq!(compiler.target().features, Vec::<String>::new());
        let measured = measured();
        let mut bytes = 0;
        for (name, plan) in plans::all().iter().chain(&measured) {
            let program = compiler.program(plan);
            assert!((program.entry as usize) < program.code.len(), "{name}");
            bytes += program.code.len();
        }
        println!("{architecture}: {bytes} bytes of code for {} plans", plans::all().len() + measured.len());
    }
}

/// The plans of the maps that benchmarks run.
fn measured() -> Vec<(String, Arc<Plan>)> {
    let opened = pipeline::project("tests/bench/maps");
    let maps = opened.files.iter().flat_map(|file| db::maps(&opened.db, opened.project, *file));
    let plans: Vec<_> = maps
        .filter_map(|map| {
            Some((map.key.to_string(), db::plan(&opened.db, opened.project, map.key.to_string()).clone()?))
        })
        .collect();
    assert!(plans.len() > 3, "{}", plans.len());
    plans
}

#[test]
fn bytes_that_are_no_plan_are_none() {
    let stored = small_plan().stored();
    for length in 0..stored.len() {
        assert_eq!(Plan::read(&stored[..length]), None);
    }
    // Those that still are a plan hold its invariants.
    for at in 0..stored.len() {
        let mut bytes = stored.clone();
        bytes[at] ^= 0x55;
        if let Some(read) = Plan::read(&bytes) {
            assert_eq!(emr_compiler::plan::validate(&read), Ok(()));
        }
    }
}

#[test]
fn what_an_artifact_runs_is_what_was_compiled() {
    let examples = pipeline::examples();
    let shelf = Shelf::new();
    let artifact = shelf.open(&built(&Target::Host, examples.iter().map(|(_, map)| &map.plan))).unwrap();
    let index = artifact.index();
    assert_eq!(index.plans, emr_compiler::plan::FORM);
    assert_eq!(index.zone.as_deref(), Some("Europe/Zurich"));
    assert_eq!(index.maps.len(), examples.len());
    for ((example, map), stored) in examples.into_iter().zip(&index.maps) {
        assert_eq!((stored.name.as_str(), stored.takes.concat()), (&*map.plan.name, "ADT_A01".to_owned()));
        assert_eq!(Plan::read(artifact.plan(stored)).as_ref(), Some(&*map.plan));
        assert_eq!(stored.plan_hash, xxh3_64(artifact.plan(stored)));
        assert_eq!(artifact.rules(stored).unwrap().len(), map.plan.rules.len());
        let machine = |loaded: Loaded| Machine::new(Arc::new(loaded), Settings::default(), map.runs.zone.clone(), None);
        let fresh = Compiler::new(&Target::Host).unwrap().program(&map.plan);
        let mut fresh = machine(Loaded::new(fresh).unwrap());
        let mut kept = machine(artifact.program(stored).unwrap());
        let mut done = 0;
        for (name, message) in pipeline::fitting(example) {
            match (fresh.run(&message), kept.run(&message)) {
                (Ran::Done(ours), Ran::Done(theirs)) => {
                    assert_eq!(ours.json, theirs.json, "{name}");
                    done += 1;
                }
                (ours, theirs) => assert_eq!(format!("{ours:?}"), format!("{theirs:?}"), "{name}"),
            }
        }
        assert!(done > 0, "{example}");
    }
}

#[test]
fn the_same_maps_give_the_same_bytes() {
    let target = Target::Triple("x86_64".to_owned());
    assert!(small(&target) == small(&target));
}

#[test]
fn a_file_with_any_byte_changed_is_refused() {
    let bytes = small(&Target::Host);
    let shelf = Shelf::new();
    // Of the gap before the code every so manieth, of all else each.
    let places = (0..Head::LENGTH).chain((Head::LENGTH..PAGE).step_by(97)).chain(PAGE..bytes.len());
    for at in places {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        let refused = shelf.open(&changed).err();
        assert!(is_expected(at, refused.as_ref()), "byte {at}: {refused:?}");
    }
}

/// Without its first eight bytes it is no artifact; from there on it is a damaged one.
fn is_expected(at: usize, refused: Option<&Unusable>) -> bool {
    match refused {
        Some(Unusable::Other) => at < 8,
        Some(Unusable::Damaged) => at >= 8,
        _ => false,
    }
}

#[test]
fn a_file_that_is_cut_or_longer_is_refused() {
    let bytes = small(&Target::Host);
    let shelf = Shelf::new();
    let lengths = (0..=Head::LENGTH + 2).chain((0..bytes.len()).step_by(61)).chain([bytes.len() - 1]);
    for length in lengths {
        let refused = shelf.open(&bytes[..length]).err();
        assert!(is_expected(length, refused.as_ref()), "{length} bytes: {refused:?}");
    }
    assert!(matches!(shelf.open(&[bytes.as_slice(), b"\n"].concat()), Err(Unusable::Damaged)));
    assert!(matches!(shelf.open(b"map admission(ADT_A01) -> Bundle {\n}\n"), Err(Unusable::Other)));
}

/// Changes a file and makes its checksum right again.
fn altered(bytes: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    change(&mut bytes);
    let head = Head::read(&bytes).unwrap();
    let checksum = xxh3_64(&bytes[Head::CHECKED..]);
    bytes[..Head::LENGTH].copy_from_slice(&Head { checksum, ..head }.bytes());
    bytes
}

/// With another index, which stands last.
fn reindexed(bytes: &[u8], change: impl FnOnce(&mut Index)) -> Vec<u8> {
    altered(bytes, |bytes| {
        let head = Head::read(bytes).unwrap();
        let mut index: Index = postcard::from_bytes(head.index.of(bytes).unwrap()).unwrap();
        change(&mut index);
        let index = postcard::to_stdvec(&index).unwrap();
        bytes.truncate(head.index.at as usize);
        bytes.extend(&index);
        let (length, part) = (bytes.len() as u64, Part { length: index.len() as u64, ..head.index });
        bytes[..Head::LENGTH].copy_from_slice(&Head { length, index: part, ..head }.bytes());
    })
}

#[test]
fn a_file_of_another_version_is_refused() {
    let bytes = small(&Target::Host);
    let shelf = Shelf::new();
    let with = |change: fn(&mut Head)| {
        altered(&bytes, |bytes| {
            let mut head = Head::read(bytes).unwrap();
            change(&mut head);
            bytes[..Head::LENGTH].copy_from_slice(&head.bytes());
        })
    };
    assert!(shelf.open(&with(|_| ())).is_ok());
    assert!(matches!(shelf.open(&with(|head| head.form = FORM ^ 1)), Err(Unusable::Version)));
    assert!(matches!(shelf.open(&with(|head| head.abi ^= 1)), Err(Unusable::Version)));
}

#[test]
fn parts_that_lie_outside_the_file_are_refused() {
    let bytes = small(&Target::Host);
    let shelf = Shelf::new();
    let outside = [
        Part { at: bytes.len() as u64, length: 1 },
        Part { at: 8, length: u64::MAX },
        Part { at: u64::MAX, length: 8 },
        Part { at: u64::MAX - 3, length: 4 },
    ];
    for part in outside {
        let wrong = [
            reindexed(&bytes, |index| index.maps[0].plan = part),
            reindexed(&bytes, |index| index.maps[0].program = part),
            reindexed(&bytes, |index| index.maps[0].code = part),
            reindexed(&bytes, |index| index.maps[0].rules = part),
            altered(&bytes, |bytes| {
                let head = Head::read(bytes).unwrap();
                bytes[..Head::LENGTH].copy_from_slice(&Head { index: part, ..head }.bytes());
            }),
        ];
        for bytes in wrong {
            assert!(matches!(shelf.open(&bytes), Err(Unusable::Damaged)), "{part:?}");
        }
    }
    // An entry behind the code, as one of no length has it.
    let empty = reindexed(&bytes, |index| index.maps[0].code.length = 0);
    let artifact = shelf.open(&empty).unwrap();
    assert!(matches!(artifact.program(&artifact.index().maps[0]), Err(Unusable::Damaged)));
}

#[test]
fn a_file_for_another_machine_is_refused() {
    let shelf = Shelf::new();
    let other = if cfg!(target_arch = "x86_64") { "aarch64" } else { "x86_64" };
    let bytes = small(&Target::Triple(other.to_owned()));
    match shelf.open(&bytes) {
        Err(Unusable::Target(triple)) => assert!(triple.starts_with(other), "{triple}"),
        other => panic!("{:?}", other.map(|artifact| artifact.index().target.clone())),
    }
    let bytes = small(&Target::Host);
    let bytes = reindexed(&bytes, |index| index.target.features.push("has_seventh_sense".to_owned()));
    assert!(matches!(shelf.open(&bytes), Err(Unusable::Processor(what)) if what == "seventh_sense"));
    let bytes = small(&Target::Triple(std::env::consts::ARCH.to_owned()));
    assert_eq!(shelf.open(&bytes).unwrap().index().target.features, Vec::<String>::new());
}

#[test]
fn a_file_that_is_not_there_is_the_worlds_fault() {
    let path = Shelf::new().0.path().join("none.emrx");
    assert!(matches!(Artifact::open(&path), Err(Unusable::World(_))));
}

/// Some bytes from `from` on as others.
fn scribbled(bytes: &mut [u8], from: usize, random: &mut Random) {
    for _ in 0..=random.below(8) {
        let at = from + random.below(bytes.len() - from);
        bytes[at] = u8::try_from(random.below(256)).unwrap();
    }
}

#[test]
fn a_file_with_random_bytes_is_refused() {
    let bytes = small(&Target::Host);
    let shelf = Shelf::new();
    for seed in 0..2_000 {
        let mut changed = bytes.clone();
        scribbled(&mut changed, 0, &mut Random::seeded(seed));
        let refused = shelf.open(&changed).err();
        let expected = match refused {
            Some(Unusable::Other) => changed[..8] != bytes[..8],
            Some(Unusable::Damaged) => changed != bytes,
            None => changed == bytes,
            Some(_) => false,
        };
        assert!(expected, "seed {seed}: {refused:?}");
    }
}

/// As a checksum that fits by chance would have it: whatever can be read is read, or refused.
#[test]
fn tables_of_random_bytes_are_read_without_a_crash() {
    let bytes = small(&Target::Host);
    let shelf = Shelf::new();
    // What is not code begins with a plan.
    let tables = shelf.open(&bytes).unwrap().index().maps[0].plan.at as usize;
    let mut read = 0;
    for seed in 0..4_000 {
        let changed = altered(&bytes, |bytes| scribbled(bytes, tables, &mut Random::seeded(seed)));
        let Ok(artifact) = shelf.open(&changed) else { continue };
        for map in &artifact.index().maps {
            let rules = artifact.rules(map).unwrap_or_default();
            if let Some(plan) = Plan::read(artifact.plan(map)) {
                assert_eq!(emr_compiler::plan::validate(&plan), Ok(()), "seed {seed}");
            }
            if let Ok(loaded) = artifact.program(map) {
                let length: usize = loaded.symbols(&rules).iter().map(|symbol| symbol.length).sum();
                assert!(length <= map.code.length as usize, "seed {seed}");
                read += 1;
            }
        }
    }
    println!("{read} of 4000 could be read");
    assert!(read > 500 && read < 4_000, "{read}");
}
