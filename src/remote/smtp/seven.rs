//! A message for a server that takes 7 bits only: it is said in another form (RFC 6152 s3), and signed in that form, or cannot be sent.

use super::{Job, Verdict, session::Session};
use crate::mime::{SevenBit, seven_bit};

/// The job as this server can take it; None: as it is. Otherwise what becomes of all its recipients.
pub(super) async fn fit(session: &mut Session, job: &Job) -> Result<Option<Job>, Verdict> {
    if session.offered.eight_bit {
        return Ok(None);
    }
    let unread = |session: &Session, error: &std::io::Error| {
        let text = format!("the message cannot be read from our disk: {error}");
        Verdict::Later { answer: session.answer_of(0, "4.3.0", &text), reached: true }
    };
    let body = match seven_bit(job.body.clone()).await.map_err(|error| unread(session, &error))? {
        SevenBit::Already => return Ok(None),
        SevenBit::Changed(body) => body,
        SevenBit::Cannot(why) => {
            let text = format!("8BITMIME is required, but was not offered by host {}: {why}", session.peer);
            return Err(Verdict::Never(session.answer_of(0, "5.6.3", &text)));
        }
    };
    session.tape.note("8BITMIME is not offered: what is in 8 bits goes in base64");
    // RFC 6376 s5.3: what is signed is what leaves.
    let prefix = match &job.signer {
        Some(signer) => signer.fields(&*body, job.skip).await.map_err(|error| unread(session, &error))?,
        None => job.prefix.clone(),
    };
    Ok(Some(Job { body, prefix, ..job.clone() }))
}
