//! What we want of the figures, and whether it is so.

use crate::measures::Bench;
use crate::measures::orphans::KEYS;
use crate::results::Results;
use crate::subjects::Kind;

pub struct Target {
    pub what: String,
    /// `None` if it was not measured.
    pub value: Option<f64>,
    pub decimals: usize,
    /// How it reads, "at most 1.3 x floor".
    pub wanted: String,
    pub met: Option<bool>,
}

enum Wanted {
    AtMost(f64),
    /// As a multiple of the floor's.
    OfTheFloor(f64),
    /// As the least of the peers'.
    LeastOfPeers,
    /// As a multiple of the best peer's.
    TimesAnyPeer(f64),
}

pub fn check(bench: &Bench, results: &Results) -> Vec<Target> {
    use Wanted::{AtMost, LeastOfPeers, OfTheFloor, TimesAnyPeer};
    let [[_, cpu_none, wakes_none], _, [many, cpu_many, wakes_many]] = KEYS;
    // What rounds to 0.0 is 0.0.
    let nothing = 0.05;
    let wishes = [
        ("start_up", 2, OfTheFloor(1.3)),
        ("file", 0, AtMost(24.0 * 1024.0)),
        ("segments", 0, AtMost(1.0)),
        ("calls_before", 0, AtMost(12.0)),
        ("calls_after", 0, AtMost(4.0)),
        ("faults", 1, AtMost(6.0)),
        ("private_many", 1, AtMost(9.0)),
        ("charged_many", 1, AtMost(66.0)),
        (cpu_none, 2, AtMost(nothing)),
        (wakes_none, 2, AtMost(nothing)),
        (cpu_many, 2, AtMost(nothing)),
        (wakes_many, 2, AtMost(nothing)),
        (many, 1, TimesAnyPeer(10.0)),
        ("end", 2, OfTheFloor(1.15)),
        ("latency", 2, LeastOfPeers),
        ("idle", 1, AtMost(0.0)),
    ];
    let ours = bench.named(Kind::Ours);
    let floor = bench.named(Kind::Floor);
    let peers = |key| {
        let peers = bench.subjects.iter().filter(|subject| subject.kind == Kind::Peer);
        peers.filter_map(move |peer| results.median(key, &peer.name))
    };
    let mut targets = Vec::new();
    for (key, decimals, wish) in wishes {
        let Some(column) = results.column(key) else { continue };
        let own = results.median(key, ours);
        let over = |other: Option<f64>| Some(own? / other?);
        let (what, value, wanted, met): (String, _, _, fn(f64, f64) -> bool) = match wish {
            AtMost(most) => (column.heading(), own, (most, "at most"), |own, most| own <= most),
            OfTheFloor(most) => {
                let what = format!("{}, times the floor's", column.title);
                (what, over(results.median(key, floor)), (most, "at most"), |own, most| own <= most)
            }
            LeastOfPeers => {
                let best = peers(key).min_by(f64::total_cmp).unwrap_or(f64::NAN);
                (column.heading(), own, (best, "at most the best peer's"), |own, most| own <= most)
            }
            TimesAnyPeer(least) => {
                let best = peers(key).max_by(f64::total_cmp);
                let what = format!("{}, times the best peer's", column.title);
                (what, over(best), (least, "at least"), |own, least| own >= least)
            }
        };
        let (bound, word) = wanted;
        let met = value.filter(|_| !bound.is_nan()).map(|value| met(value, bound));
        let wanted = if bound == nothing { "0.0".to_owned() } else { format!("{word} {}", short(bound)) };
        targets.push(Target { what, value, decimals, wanted, met });
    }
    targets
}

/// With as many decimals as it takes, two at most.
fn short(number: f64) -> String {
    let long = format!("{number:.2}");
    long.trim_end_matches('0').trim_end_matches('.').to_owned()
}
