//! Room on the mail disk: what is free, what is dead, what is kept for deletions.

use super::{core::Core, fault::Fault, mail::Mail};

/// Room, octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Free on the file system.
    pub free: u64,
    /// In volumes, needed by no message: reclaimed in the background.
    pub dead: u64,
    /// What stays free (`Places::reserve`).
    pub reserve: u64,
}

impl Room {
    /// Free and dead octets.
    pub fn left(&self) -> u64 {
        self.free.saturating_add(self.dead)
    }

    /// Whether new mail is refused. Dead octets count as room, but a quarter of the reserve must be really free:
    /// reclaiming copies before it frees.
    pub fn is_short(&self) -> bool {
        self.left() < self.reserve || self.free < self.reserve / 4
    }

    /// Whether volumes (of at most `limit` octets) are reclaimed that would not be worth it otherwise.
    pub(super) fn is_tight(&self, limit: u64) -> bool {
        self.free < self.reserve.saturating_mul(2).max(limit)
    }
}

/// Looks at the disk.
pub(super) fn room(core: &Core, mail: &Mail) -> Result<Room, Fault> {
    let free = core.disk.space(&core.places.mail)?.free;
    Ok(Room { free, dead: mail.pool.dead(), reserve: core.places.reserve })
}

/// The preallocated file that is given up when the disk is full.
#[derive(Default)]
pub(super) struct Reserve {
    there: bool,
}

impl Reserve {
    fn octets(core: &Core) -> u64 {
        core.places.reserve / 4
    }

    /// Makes the file when there is room for it and the reserve beside it.
    pub fn keep(&mut self, core: &Core, room: &Room) {
        let octets = Self::octets(core);
        if self.there || octets == 0 || room.free < room.reserve.saturating_add(octets) {
            return;
        }
        let make = || {
            let file = core.disk.open(&core.places.mail.join("reserve"), true)?;
            file.allocate(0, octets)
        };
        self.there = make().is_ok();
    }

    /// Removes the file; whether there was one.
    pub fn free(&mut self, core: &Core) -> bool {
        self.there = false;
        core.disk.remove(&core.places.mail.join("reserve")).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_octets_are_room_but_not_all_of_it() {
        let room = Room { free: 30, dead: 100, reserve: 100 };
        assert!(!room.is_short());
        assert!(Room { free: 24, ..room }.is_short());
        assert!(Room { dead: 60, ..room }.is_short());
    }
}
