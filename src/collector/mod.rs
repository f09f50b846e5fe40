//! Fetches from foreign mailboxes (J1-J14). Not built yet.
