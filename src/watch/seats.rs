//! How many watch at once: each watcher is a stream that stays, so each user has so many.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Error;

/// Seats that are taken. Cheap to clone.
#[derive(Clone, Default)]
pub struct Seats(Arc<Mutex<HashMap<u32, usize>>>);

/// A seat; dropped, it is free.
pub(super) struct Seat {
    seats: Seats,
    uid: u32,
}

impl Seats {
    pub(super) fn take(&self, uid: u32) -> Result<Seat, Error> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.entry(uid).or_default();
        if *own >= MAX_WATCHERS {
            return Err(Error::TooManyWatchers { most: MAX_WATCHERS });
        }
        *own += 1;
        Ok(Seat { seats: self.clone(), uid })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.uid) {
            *own -= 1;
        }
        taken.retain(|_, own| *own > 0);
    }
}

/// Watchers of one user.
pub const MAX_WATCHERS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_so_many_seats_and_one_that_is_left_is_free() {
        let seats = Seats::default();
        let mut taken: Vec<Seat> = (0..MAX_WATCHERS).map(|_| seats.take(7).unwrap()).collect();
        assert!(seats.take(7).is_err() && seats.take(8).is_ok());
        taken.pop();
        assert!(seats.take(7).is_ok());
        drop(taken);
        assert!(seats.0.lock().unwrap().is_empty(), "nobody is remembered who does not watch");
    }
}
