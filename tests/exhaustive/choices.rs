//! Where a run could go on in several ways: which of them it goes.

/// Says which way a run goes on. The first is where nothing out of the ordinary happens.
pub struct Choices {
    /// What was chosen, of how many, from the start of the run on.
    made: Vec<(usize, usize)>,
    at: usize,
    random: Option<u64>,
    seed: Option<u64>,
}

impl Choices {
    /// One run after the other, until there is no other: depth first.
    pub fn all() -> Choices {
        Choices { made: Vec::new(), at: 0, random: None, seed: None }
    }

    /// A run by chance.
    pub fn random(seed: u64) -> Choices {
        // Zero would stay zero.
        let seed = Some(seed.wrapping_mul(2).wrapping_add(1));
        Choices { random: seed, seed, ..Choices::all() }
    }

    /// The same run once more.
    pub fn again(self) -> Choices {
        Choices { at: 0, random: self.seed, ..self }
    }

    /// A run by chance begins here.
    pub fn begin(&mut self) {
        self.seed = self.random;
    }

    /// One of `ways`, the first in nine of ten cases if left to chance.
    pub fn unlikely(&mut self, ways: usize) -> usize {
        if self.random.is_some() && !self.chance().is_multiple_of(10) { 0 } else { self.one_of(ways) }
    }

    /// One of `ways`.
    pub fn one_of(&mut self, ways: usize) -> usize {
        assert!(ways > 0);
        if ways == 1 {
            return 0;
        }
        if self.random.is_some() {
            return self.chance() as usize % ways;
        }
        if self.at == self.made.len() {
            self.made.push((0, ways));
        }
        let (chosen, of) = self.made[self.at];
        assert_eq!(of, ways, "the same choices lead to the same world");
        self.at += 1;
        chosen
    }

    /// xorshift64 (Marsaglia, "Xorshift RNGs").
    fn chance(&mut self) -> u64 {
        let state = self.random.as_mut().expect("left to chance");
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state >> 11
    }

    /// Begins the next run; gives whether there is one.
    pub fn next(&mut self) -> bool {
        self.made.truncate(self.at);
        self.at = 0;
        while let Some((chosen, of)) = self.made.pop() {
            if chosen + 1 < of {
                self.made.push((chosen + 1, of));
                return true;
            }
        }
        false
    }
}
