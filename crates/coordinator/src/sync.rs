//! Locks that outlive a panic: what they guard is whole between any two statements.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Takes the lock, also after a thread that held it panicked.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
