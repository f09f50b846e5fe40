//! The files of a stopped store as they will be when its log was redone (`redo`). Nothing is changed: what the log says stays in memory.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

use redb::{Database, ReadableDatabase};

use super::{
    apply::Tables,
    backend::{Gate, database, hold},
    disk::{Disk, DiskFile},
    fault::Fault,
    mail::log_wrong,
    noted::Notes,
    redo::{self, Found, Volumes},
    rows::{self, House},
    shadow::Shadow,
};
use crate::types::UnixTime;

/// Page cache for the one row that is read here, octets.
const CACHE: usize = 256 * 1024;

/// What the log says, if the stop was not clean.
#[derive(Default)]
pub(super) struct Views {
    volumes: Volumes,
    /// Of the rows, by commit; 8 MB at most. Only where it is known that the rows are those that they were made over.
    notes: Vec<Vec<u8>>,
    /// What is wrong with the log.
    pub damage: Option<String>,
}

impl Views {
    /// Reads the log, if there is one. What could be read of one that is damaged counts.
    pub fn read(disk: &dyn Disk, dir: &Path) -> Views {
        let mut views = Views::default();
        let house = catch_unwind(AssertUnwindSafe(|| house(disk, dir))).ok().and_then(Result::ok);
        match views.read_log(disk, dir, house.map(|house| house.filling)) {
            Ok(found) => views.damage = house.and_then(|house| log_wrong(&house, &found)).or(found.damage),
            Err(fault) => views.damage = Some(format!("{}: {}", redo::NAME, fault.told())),
        }
        views
    }

    /// `filling`: None when the rows cannot be read; then octets of volumes are redone only, which do no harm wherever they are from.
    fn read_log(&mut self, disk: &dyn Disk, dir: &Path, filling: Option<u64>) -> Result<Found, Fault> {
        let Some(log) = redo::opened(disk, dir)? else { return Ok(Found::default()) };
        redo::walk(&*log, (filling, None), &mut |record| {
            self.volumes.put(&record.bodies, |number| match redo::volume(disk, dir, number)? {
                Some(file) => Ok(Some(Arc::new(Shadow::over(file)?))),
                None => Ok(None),
            })?;
            self.notes.extend(filling.map(|_| record.notes.to_vec()));
            Ok(())
        })
    }

    /// A volume with what the log has of it over it.
    pub fn over(&self, volume: u32, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        self.volumes.get(volume).unwrap_or(file)
    }

    /// Does to the rows, in a database over a shadow, what the log says.
    pub fn redo_rows(&self, db: &Database) -> Result<(), Fault> {
        if self.notes.is_empty() {
            return Ok(());
        }
        let mut write = db.begin_write()?;
        hold(&mut write)?;
        {
            let mut tables = Tables::open(&write, &Notes::default(), UnixTime(0))?;
            self.notes.iter().try_for_each(|notes| tables.redo(notes))?;
        }
        Ok(write.commit()?)
    }
}

/// The first row of the database as the last durable commit left it.
fn house(disk: &dyn Disk, dir: &Path) -> Result<House, Fault> {
    let shadow: Arc<dyn DiskFile> = Arc::new(Shadow::over(disk.open(&dir.join(redo::ROWS), false)?)?);
    let db = database(shadow, Gate::default(), CACHE)?;
    let house = rows::get(&db.begin_read()?.open_table(rows::HOUSE)?, 0)?;
    house.ok_or(Fault::Missing)
}
