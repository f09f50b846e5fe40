//! A database file that is looked at but never changed: what redb writes while it opens and checks stays in memory.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::disk::DiskFile;

/// Octets of a page in memory.
const PAGE: u64 = 4096;

/// A file with an overlay.
pub(super) struct Shadow {
    file: Arc<dyn DiskFile>,
    state: Mutex<State>,
}

struct State {
    len: u64,
    /// Octets of the file that are still seen: less than it has after a cut.
    under: u64,
    pages: BTreeMap<u64, Vec<u8>>,
}

impl Shadow {
    /// Nothing is overlaid yet.
    pub fn over(file: Arc<dyn DiskFile>) -> io::Result<Shadow> {
        let len = file.len()?;
        Ok(Shadow { file, state: Mutex::new(State { len, under: len, pages: BTreeMap::new() }) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn page(&self, state: &State, number: u64) -> io::Result<Vec<u8>> {
        if let Some(page) = state.pages.get(&number) {
            return Ok(page.clone());
        }
        let mut page = vec![0; PAGE as usize];
        let there = state.under.saturating_sub(number * PAGE).min(PAGE);
        if there > 0 {
            self.file.read_at(number * PAGE, &mut page[..usize::try_from(there).unwrap_or(0)])?;
        }
        Ok(page)
    }
}

/// The parts of pages that `offset..offset + len` covers: page number, first octet in it, octets.
pub(super) fn parts(offset: u64, len: usize) -> impl Iterator<Item = (u64, usize, usize)> {
    let end = offset + len as u64;
    let mut at = offset;
    std::iter::from_fn(move || {
        let stop = end.min((at / PAGE + 1) * PAGE);
        let part = (at / PAGE, usize::try_from(at % PAGE).ok()?, usize::try_from(stop.checked_sub(at)?).ok()?);
        at = stop;
        (part.2 > 0).then_some(part)
    })
}

impl DiskFile for Shadow {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().len)
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        if offset + out.len() as u64 > state.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut rest = out;
        for (number, from, len) in parts(offset, rest.len()) {
            let (part, later) = rest.split_at_mut(len);
            part.copy_from_slice(&self.page(&state, number)?[from..from + len]);
            rest = later;
        }
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let mut rest = bytes;
        for (number, from, len) in parts(offset, bytes.len()) {
            let (part, later) = rest.split_at(len);
            let mut page = self.page(&state, number)?;
            page[from..from + len].copy_from_slice(part);
            state.pages.insert(number, page);
            rest = later;
        }
        state.len = state.len.max(offset + bytes.len() as u64);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state();
        state.under = state.under.min(len);
        let last = len / PAGE;
        state.pages.retain(|number, _| *number <= last);
        if let Some(page) = state.pages.get_mut(&last) {
            page[usize::try_from(len % PAGE).unwrap_or(0)..].fill(0);
        }
        state.len = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn allocate(&self, _offset: u64, _len: u64) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    struct Fixed(Vec<u8>);
    impl DiskFile for Fixed {
        fn len(&self) -> io::Result<u64> {
            Ok(self.0.len() as u64)
        }
        fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            let from = usize::try_from(offset).unwrap();
            out.copy_from_slice(&self.0[from..from + out.len()]);
            Ok(())
        }
        fn write_at(&self, _: u64, _: &[u8]) -> io::Result<()> {
            Err(io::ErrorKind::ReadOnlyFilesystem.into())
        }
        fn set_len(&self, _: u64) -> io::Result<()> {
            Err(io::ErrorKind::ReadOnlyFilesystem.into())
        }
        fn sync_data(&self) -> io::Result<()> {
            Err(io::ErrorKind::ReadOnlyFilesystem.into())
        }
        fn allocate(&self, _: u64, _: u64) -> io::Result<()> {
            Err(io::ErrorKind::ReadOnlyFilesystem.into())
        }
    }

    #[test]
    fn writes_are_seen_and_the_file_is_not_touched() {
        let shadow = Shadow::over(Arc::new(Fixed(vec![1; 10_000]))).unwrap();
        shadow.write_at(4090, &[2; 5000]).unwrap();
        shadow.set_len(12_000).unwrap();
        let mut all = vec![9; 12_000];
        shadow.read_at(0, &mut all).unwrap();
        let mut want = vec![1; 10_000];
        want[4090..9090].fill(2);
        want.resize(12_000, 0);
        assert!(all == want);
        shadow.set_len(5000).unwrap();
        shadow.set_len(10_000).unwrap();
        let mut tail = [9; 5000];
        shadow.read_at(5000, &mut tail).unwrap();
        assert!(tail == [0; 5000]);
        assert!(shadow.read_at(9999, &mut [0; 2]).is_err());
    }
}
