//! The drop-in promise: called by the name of another init, ours does what that init does.
//!
//! Each peer has tables of cases. A case is run twice, with the peer itself and with ours under the
//! peer's name, and whatever a user could notice is compared: exit code, outputs, what the program
//! was given. Where ours is meant to be better the case says why, and what each of the two does, so
//! that an entry that has become untrue fails like any other.
//!
//! The peers come from Debian's packages `tini`, `dumb-init` and `catatonit`, and from
//! `cargo install pid1-exe`. Kubernetes' pause is not packaged anywhere: its behaviour is written
//! down in its cases.

mod catatonit;
mod compare;
mod dumb_init;
mod every_name;
mod pause;
mod pid1;
mod tini;
