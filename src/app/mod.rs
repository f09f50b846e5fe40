//! Opens everything, applies settings, owns every task, stops everything.
