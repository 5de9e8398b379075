//! Who is whose: which of the main thread's children are the host's own.
//!
//! A pure bookkeeper under one lock. A child is the host's if it was announced; it may
//! be if it was found while anybody was starting one; it is an orphan if neither.
//! Nobody who starts a child ever waits for who collects, nor the other way round: a
//! child that may be somebody's is judged again when those have finished who were
//! starting one when it was found.

use std::collections::{BTreeMap, BTreeSet};

/// What tells two processes with one number apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(super) struct Birth(pub(super) u64);

/// Whose a child is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// The host's: somebody waits for it.
    Own,
    /// Not known before those have finished who are starting a child.
    NotYet,
    /// Nobody else waits for it.
    Orphan,
}

#[derive(Clone, Default, Debug, PartialEq, Eq, Hash)]
pub(super) struct Registry {
    next: u64,
    /// The tickets of those who are starting a child.
    starting: BTreeSet<u64>,
    own: BTreeMap<i32, Birth>,
    /// Found while others were starting a child, with the first ticket after theirs.
    undecided: BTreeMap<i32, (Birth, u64)>,
    /// How many of its own it may know before it looks who has gone.
    sweep_at: usize,
}

const FEWEST_TO_SWEEP: usize = 1024;

impl Registry {
    /// Somebody is about to start a child; gives the ticket to end that with.
    pub(super) fn begin(&mut self) -> u64 {
        let ticket = self.next;
        self.next += 1;
        self.starting.insert(ticket);
        ticket
    }

    /// `child` is the host's. `births` tells when a process began, for those that are
    /// known from before.
    pub(super) fn own(&mut self, child: i32, birth: Birth, births: impl Fn(i32) -> Option<Birth>) {
        self.own.insert(child, birth);
        self.undecided.remove(&child);
        if self.own.len() >= self.sweep_at.max(FEWEST_TO_SWEEP) {
            self.own.retain(|process, birth| births(*process) == Some(*birth));
            self.sweep_at = self.own.len() * 2;
        }
    }

    /// The start with this ticket is over; gives whether somebody is to be judged again.
    pub(super) fn end(&mut self, ticket: u64) -> bool {
        self.starting.remove(&ticket);
        let oldest = self.oldest();
        self.undecided.values().any(|(_, after)| *after <= oldest)
    }

    /// Judges a child that has ended and was seen among the main thread's.
    pub(super) fn judge(&mut self, child: i32, birth: Birth) -> Verdict {
        match self.own.get(&child) {
            Some(own) if *own == birth => {
                self.undecided.remove(&child);
                return Verdict::Own;
            }
            // Was waited for, and its number used again.
            Some(_) => drop(self.own.remove(&child)),
            None => {}
        }
        let next = self.next;
        let (oldest, found) = (self.oldest(), self.undecided.get(&child));
        let after = found.filter(|(found, _)| *found == birth).map_or(next, |(_, after)| *after);
        if after <= oldest {
            self.undecided.remove(&child);
            Verdict::Orphan
        } else {
            self.undecided.insert(child, (birth, after));
            Verdict::NotYet
        }
    }

    /// The oldest ticket that is not over, or the next.
    fn oldest(&self) -> u64 {
        self.starting.first().copied().unwrap_or(self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// A host's threads, a main thread's list of children, and who collects, as small
    /// steps that the kernel may order in any way. All that can happen is tried.
    #[derive(Clone, PartialEq, Eq, Hash)]
    struct World {
        registry: Registry,
        hosts: Vec<Host>,
        /// Number, birth, whose: the thread's place, or nobody's.
        list: Vec<(i32, Birth, Option<usize>)>,
        orphans_to_come: u8,
        births: u64,
        /// What the collector has seen and not judged yet.
        seen: Vec<(i32, Birth)>,
        woken: bool,
    }

    /// What a thread has done of: begin, fork, announce, end, wait.
    #[derive(Clone, PartialEq, Eq, Hash, Default)]
    struct Host {
        done: u8,
        ticket: u64,
        child: i32,
        birth: u64,
        /// Waits as soon as it has announced, before the start is over.
        hasty: bool,
    }

    impl World {
        fn new(hosts: usize, orphans: u8) -> World {
            let hosts = (0..hosts).map(|place| Host { hasty: place % 2 == 1, ..Host::default() });
            World {
                registry: Registry::default(),
                hosts: hosts.collect(),
                list: Vec::new(),
                orphans_to_come: orphans,
                births: 0,
                seen: Vec::new(),
                woken: false,
            }
        }

        /// The lowest number that is free, so that numbers are used again at once.
        fn add(&mut self, whose: Option<usize>) -> (i32, Birth) {
            let number = (1..).find(|n| self.list.iter().all(|(number, ..)| number != n)).unwrap();
            self.births += 1;
            let birth = Birth(self.births);
            self.list.push((number, birth, whose));
            self.woken = true;
            (number, birth)
        }

        fn step_of_host(&self, place: usize, without_tickets: bool) -> Option<World> {
            let mut world = self.clone();
            let host = self.hosts[place].clone();
            let wait_at = if host.hasty { 3 } else { 4 };
            match host.done {
                0 => world.hosts[place].ticket = world.registry.begin(),
                1 => {
                    let (child, birth) = world.add(Some(place));
                    (world.hosts[place].child, world.hosts[place].birth) = (child, birth.0);
                    if without_tickets {
                        world.registry.end(host.ticket);
                    }
                }
                2 => {
                    let list = world.list.clone();
                    let births =
                        |n| list.iter().find(|(number, ..)| *number == n).map(|(_, birth, _)| *birth);
                    world.registry.own(host.child, Birth(host.birth), births);
                }
                3 | 4 if host.done == wait_at => {
                    let at = world.list.iter().position(|(_, birth, _)| birth.0 == host.birth);
                    world.list.remove(at.expect("the status of a child was stolen"));
                }
                3 | 4 => world.woken |= world.registry.end(host.ticket),
                _ => return None,
            }
            world.hosts[place].done += 1;
            Some(world)
        }

        fn step_of_collector(&self) -> Option<World> {
            let mut world = self.clone();
            match world.seen.pop() {
                None if self.woken => {
                    world.woken = false;
                    world.seen = self.list.iter().map(|(number, birth, _)| (*number, *birth)).collect();
                }
                None => return None,
                Some((number, birth)) => {
                    // Held by a pidfd: another one with its number is not met.
                    if let Some(at) = self.list.iter().position(|(n, b, _)| (*n, *b) == (number, birth))
                        && world.registry.judge(number, birth) == Verdict::Orphan
                    {
                        world.list.remove(at);
                    }
                }
            }
            Some(world)
        }
    }

    /// Gives how many states there are; panics where a promise is broken.
    fn explore(start: World, without_tickets: bool) -> usize {
        let mut known = HashSet::from([start.clone()]);
        let mut open = vec![start];
        while let Some(world) = open.pop() {
            let mut next: Vec<World> = (0..world.hosts.len())
                .filter_map(|place| world.step_of_host(place, without_tickets))
                .collect();
            next.extend(world.step_of_collector());
            if world.orphans_to_come > 0 {
                let mut with_orphan = world.clone();
                with_orphan.orphans_to_come -= 1;
                with_orphan.add(None);
                next.push(with_orphan);
            }
            if next.is_empty() {
                assert!(world.list.is_empty(), "somebody was left uncollected");
            }
            open.extend(next.into_iter().filter(|world| known.insert(world.clone())));
        }
        known.len()
    }

    #[test]
    fn in_no_order_of_steps_is_a_status_stolen_or_an_orphan_left() {
        let states =
            [(1, 2), (2, 1), (3, 0)].map(|(hosts, orphans)| explore(World::new(hosts, orphans), false));
        assert!(states.iter().all(|states| *states > 100), "{states:?}");
    }

    #[test]
    #[should_panic(expected = "stolen")]
    fn the_model_sees_a_theft_where_nobody_waits_for_the_announcement() {
        explore(World::new(1, 0), true);
    }

    #[test]
    fn what_has_gone_is_forgotten() {
        let mut registry = Registry::default();
        for child in 1..=100_000 {
            registry.own(child, Birth(1), |process| (process > child - 10).then_some(Birth(1)));
        }
        assert!(registry.own.len() <= 2 * FEWEST_TO_SWEEP, "{}", registry.own.len());
    }
}
