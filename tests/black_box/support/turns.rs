//! Runs go on side by side, but for one that fills the machine with so many processes that others
//! would be late for nothing but having to look through them.

use std::cell::Cell;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long others are waited for: longer than a run may take, and no reason to hang.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Default)]
struct State {
    running: usize,
    /// One runs alone, or waits for the others to end.
    alone: bool,
}

static STATE: Mutex<State> = Mutex::new(State { running: 0, alone: false });
static CHANGED: Condvar = Condvar::new();

thread_local! {
    /// Turns of this thread, which needs not wait for another one.
    static HELD: Cell<usize> = const { Cell::new(0) };
}

/// The right to run, until it is dropped.
pub struct Turn {
    alone: bool,
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait<'a>(state: MutexGuard<'a, State>, condition: fn(&mut State) -> bool) -> MutexGuard<'a, State> {
    let waited = CHANGED.wait_timeout_while(state, PATIENCE, condition);
    waited.unwrap_or_else(PoisonError::into_inner).0
}

impl Turn {
    pub fn new(alone: bool) -> Self {
        let mut state = state();
        if HELD.get() == 0 {
            state = wait(state, |state| state.alone);
        }
        if alone {
            state.alone = true;
            state = wait(state, |state| state.running > 0);
        }
        state.running += 1;
        HELD.set(HELD.get() + 1);
        Turn { alone }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = state();
        state.running -= 1;
        state.alone &= !self.alone;
        HELD.set(HELD.get().saturating_sub(1));
        CHANGED.notify_all();
    }
}
