//! The administrator's filters (H1-H15), pure, over snapshots. Not built yet.
