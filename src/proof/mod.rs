//! SPF, DKIM, DMARC, ARC and signing; the door of mail-auth. Not built yet.
