//! Others, as a client: smtp pop3 imap clamd spamd icap milter http. Not built yet.
