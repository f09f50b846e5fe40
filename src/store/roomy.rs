//! A database file that has its room before it needs it. What is kept by `mail.log` must come into `mail.redb` also on a disk that somebody
//! else has filled meanwhile, or nothing could be deleted there any more.

use std::{io, sync::Arc};

use super::disk::DiskFile;

/// Octets that a file which grows has at once, or does not grow. redb takes the lowest pages first.
const STEP: u64 = 1024 * 1024;
/// Octets that it is given at most: redb doubles its files, and most of a large one is not needed soon.
const MOST: u64 = 64 * STEP;

/// A file whose new octets are no holes.
pub(super) struct Roomy(Arc<dyn DiskFile>);

impl Roomy {
    /// Over a file that may have holes from before; on a full disk they stay.
    pub fn over(file: Arc<dyn DiskFile>) -> io::Result<Roomy> {
        let len = file.len()?;
        let _ = file.allocate(0, len.min(MOST));
        Ok(Roomy(file))
    }

    fn grow(&self, old: u64, new: u64) -> io::Result<()> {
        for at in (old..new.min(old + MOST)).step_by(STEP as usize) {
            match self.0.allocate(at, STEP.min(new - at)) {
                Err(error) if at == old => {
                    let _ = self.0.set_len(old);
                    return Err(error);
                }
                Err(_) => break,
                Ok(()) => {}
            }
        }
        self.0.set_len(new)
    }
}

impl DiskFile for Roomy {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_at(offset, out)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_at(offset, bytes)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        let old = self.0.len()?;
        if len > old { self.grow(old, len) } else { self.0.set_len(len) }
    }
    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        self.0.allocate(offset, len)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Mutex;

    use super::*;

    /// A file on a disk that has so much room left; its length.
    struct Tight(Mutex<(u64, u64)>);

    impl DiskFile for Tight {
        fn len(&self) -> io::Result<u64> {
            Ok(self.0.lock().unwrap().1)
        }
        fn read_at(&self, _: u64, _: &mut [u8]) -> io::Result<()> {
            Ok(())
        }
        fn write_at(&self, _: u64, _: &[u8]) -> io::Result<()> {
            Ok(())
        }
        fn set_len(&self, len: u64) -> io::Result<()> {
            self.0.lock().unwrap().1 = len;
            Ok(())
        }
        fn sync_data(&self) -> io::Result<()> {
            Ok(())
        }
        fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
            let mut disk = self.0.lock().unwrap();
            disk.0 = disk.0.checked_sub(len).ok_or(io::ErrorKind::StorageFull)?;
            disk.1 = disk.1.max(offset + len);
            Ok(())
        }
    }

    #[test]
    fn a_file_has_the_room_it_grows_by_or_does_not_grow() {
        let grown = |room: u64, from: u64, to: u64| {
            let tight = Arc::new(Tight(Mutex::new((room, from))));
            let done = Roomy(tight.clone()).set_len(to).is_ok();
            let (left, len) = *tight.0.lock().unwrap();
            (done, len, room - left)
        };
        assert_eq!(grown(10 * STEP, STEP, 3 * STEP + 5), (true, 3 * STEP + 5, 2 * STEP + 5));
        assert_eq!(grown(STEP - 1, STEP, 3 * STEP), (false, STEP, 0), "not even the first step");
        assert_eq!(grown(3 * STEP, 2 * STEP, 9 * STEP), (true, 9 * STEP, 3 * STEP), "as much as there is");
        assert_eq!(grown(500 * STEP, 90 * STEP, 180 * STEP), (true, 180 * STEP, MOST));
        assert_eq!(grown(STEP, 9 * STEP, 2 * STEP), (true, 2 * STEP, 0));
    }
}
