//! Interleaved rounds in random order, so that what happens to the machine meanwhile
//! happens to all.

use std::time::{SystemTime, UNIX_EPOCH};

/// A small generator (xorshift64*); nothing here has to be secret.
pub struct Random(u64);

impl Random {
    pub fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(now.as_nanos() as u64 | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, (self.next() % (end as u64 + 1)) as usize);
        }
    }
}

/// In how many rounds a subject may fail: in one, since there are others on the machine.
const FAILURES: usize = 1;

/// Runs `once` for each of `count` subjects in each of `rounds` rounds; not for one any
/// more that fails again and again. Returns for each subject what it gave, round by round,
/// or why it failed.
pub fn interleaved<T>(
    count: usize,
    rounds: usize,
    mut once: impl FnMut(usize) -> Result<T, String>,
) -> Vec<Result<Vec<T>, String>> {
    let mut random = Random::new();
    let mut order: Vec<usize> = (0..count).collect();
    let mut samples: Vec<Vec<T>> = (0..count).map(|_| Vec::new()).collect();
    let mut failures: Vec<Vec<String>> = vec![Vec::new(); count];
    for _ in 0..rounds {
        random.shuffle(&mut order);
        for &subject in &order {
            if failures[subject].len() <= FAILURES {
                match once(subject) {
                    Ok(sample) => samples[subject].push(sample),
                    Err(reason) => failures[subject].push(reason),
                }
            }
        }
    }
    let result = |(samples, mut failures): (Vec<T>, Vec<String>)| match failures.pop() {
        Some(reason) if samples.is_empty() || failures.len() >= FAILURES => Err(reason),
        _ => Ok(samples),
    };
    samples.into_iter().zip(failures).map(result).collect()
}
