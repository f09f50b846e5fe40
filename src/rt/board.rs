//! The board: what each service is doing now, and what came of the last change of settings. The page and `status` read it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Colour of a line on the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Light {
    /// Works.
    Green,
    /// Works, but somebody should look.
    Yellow,
    /// Does not work.
    Red,
    /// Switched off by a setting.
    Off,
}

/// One line of the board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The colour.
    pub light: Light,
    /// What is so, and what to do if it is not green.
    pub text: String,
}

/// Cheap to clone; every clone writes on the same board.
#[derive(Clone, Default)]
pub struct Board(Arc<Mutex<BTreeMap<String, State>>>);

impl Board {
    /// Writes the line of `service` (`smtp:25`, `store`, `certificate:mail`, `syslog:udp://...`).
    pub fn put(&self, service: &str, light: Light, text: impl Into<String>) {
        let state = State { light, text: text.into() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(service.to_owned(), state);
    }

    /// Wipes a line.
    pub fn wipe(&self, service: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(service);
    }

    /// Everything on the board, by service.
    pub fn all(&self) -> BTreeMap<String, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
