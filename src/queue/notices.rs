//! Notices of the house: the pipeline writes them; here the queue's words become its.

use super::{Coming, Notices, Told};
use crate::{
    pipeline::{Fate, Pipeline, ReportOf},
    store::StoreError,
    types::{QueueId, Settled, Waiting},
};

/// Seconds of a minute.
const MINUTE: i64 = 60;

impl Notices for Pipeline {
    fn tell(&self, about: Vec<(Waiting, Told)>, also: Vec<Settled>) -> Coming<'_, Result<Option<QueueId>, StoreError>> {
        let lifetime = i64::from(self.settings.get().queue_lifetime) * MINUTE;
        let about = about.into_iter().map(|(row, told)| report_of(row, told, lifetime)).collect();
        Box::pin(self.report(about, also))
    }
}

/// `lifetime`: seconds after which a row is given up (B11).
fn report_of(row: Waiting, told: Told, lifetime: i64) -> ReportOf {
    let (fate, answer) = match told {
        Told::Failed { answer, .. } => (Fate::Failed, answer),
        Told::Late(answer) => (Fate::Late { until: row.since.plus(lifetime) }, answer),
        Told::Relayed(answer) => (Fate::Relayed, answer),
    };
    ReportOf { row, fate, answer }
}
