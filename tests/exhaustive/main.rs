//! Every run that can happen in a small world, and a random part of those in larger ones.
//!
//! [`policy`] searches all states that the supervisor can come into, with all events in all
//! orders. [`runs`] drives the real loop on a kernel made up here, [`world`], in which
//! something may happen, or a system call fail, between any two calls; [`choices`] goes
//! through all of them. A promise that is broken is told with the way that led there.

mod choices;
mod policy;
mod runs;
mod world;
