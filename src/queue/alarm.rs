//! Waking by the world's clock.

use std::{sync::Arc, time::Duration};

use super::{Alarm, Coming};
use crate::{
    rt::{Clock, timeout},
    types::UnixTime,
};

/// The longest sleep: the clock may step meanwhile.
const LONGEST: Duration = Duration::from_secs(60);

/// Sleeps until the clock shows the time, or a minute.
pub struct WallAlarm(pub Arc<dyn Clock>);

impl Alarm for WallAlarm {
    fn at(&self, at: UnixTime, _under_way: usize) -> Coming<'_, ()> {
        let left = u64::try_from(at.since(self.0.now())).unwrap_or(0);
        Box::pin(async move {
            // None: the time is over.
            let _ = timeout(Duration::from_secs(left).min(LONGEST), smol::future::pending::<()>()).await;
        })
    }
}
