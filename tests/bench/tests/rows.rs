//! All rows write the same bytes. The bench itself demands it of every message before it times anything.

use bench::engine::ROWS;
use bench::measure::outputs;
use bench::workload;

/// How many messages of each corpus are looked at here.
const SOME: usize = 60;

#[test]
fn all_rows_write_the_same() {
    let names = ["W1", "W2", "W3", "W6"].map(str::to_owned);
    let mut compared = 0;
    for mut workload in workload::all(&names).unwrap() {
        workload.corpus = workload.corpus.shortened(SOME);
        let by = |name: &str| outputs(&workload, bench::engine::row(name).unwrap());
        let expected = by("interpreter").unwrap();
        assert!(
            expected.iter().all(|it| it.starts_with(b"{\"resourceType\"") || it.starts_with(b"MSH|")),
            "{}",
            workload.name
        );
        for row in ROWS {
            let Some(own) = by(row.name) else { continue };
            for (number, (own, expected)) in own.iter().zip(&expected).enumerate() {
                let (own, expected) = (String::from_utf8_lossy(own), String::from_utf8_lossy(expected));
                assert_eq!(own, expected, "{} {} {number}", workload.name, row.name);
                compared += 1;
            }
        }
    }
    assert!(compared >= 2 * 4 * SOME, "only {compared}");
}
