//! Sends what the pipeline queued. Not built yet: rows wait in `mail.redb` and `status` counts them.
