//! What is said while it is said; it goes into the ring when the dialogue ends, however it ends.

use std::{sync::Arc, time::Duration};

use super::Means;
use crate::{
    remote::{Dialogue, Who},
    types::RowId,
};

/// Records a dialogue.
pub(super) struct Tape {
    dialogue: Dialogue,
    began: Duration,
    means: Arc<Means>,
}

impl Tape {
    pub fn new(means: &Arc<Means>, destination: &str, rows: Vec<RowId>) -> Self {
        let dialogue = Dialogue::new(means.clock.now(), destination, rows);
        Tape { dialogue, began: means.clock.mono(), means: means.clone() }
    }

    pub fn say(&mut self, who: Who, text: &str) {
        let after = self.means.clock.mono().saturating_sub(self.began);
        self.dialogue.say(after, who, text);
    }

    pub fn note(&mut self, text: &str) {
        self.say(Who::Note, text);
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        if !self.dialogue.lines.is_empty() {
            let empty = Dialogue::new(self.dialogue.began, "", Vec::new());
            self.means.tap.keep(std::mem::replace(&mut self.dialogue, empty));
        }
    }
}
