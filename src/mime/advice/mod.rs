//! What an answer means to a person, Russian and English side by side: what happened, what to do now, and who is to do it. The
//! notice to a sender and the administrator's view of the queue show the same.
//!
//! `table`: which answer means what, some hundred rows. `sender`, `admin`: the sentences. Here: how a row is found, and the other
//! words of our notices. No layout, no headers.

mod admin;
mod sender;
mod table;

use crate::types::Answer;

/// One sentence in both languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Both {
    /// Russian.
    pub ru: &'static str,
    /// English.
    pub en: &'static str,
}

const fn both(ru: &'static str, en: &'static str) -> Both {
    Both { ru, en }
}

/// Who can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// Whoever wrote the message.
    Sender,
    /// Whoever runs this server.
    Administrator,
    /// Nobody need do anything now: it is tried again.
    Nobody,
}

impl Whom {
    /// What stands before the advice.
    pub fn words(self) -> Both {
        match self {
            Whom::Sender => both("Что делать", "What to do"),
            Whom::Administrator => both("Что делать администратору почты", "What the mail administrator is to do"),
            Whom::Nobody => both("Что будет дальше", "What happens next"),
        }
    }

    /// The word in the API.
    pub fn word(self) -> &'static str {
        match self {
            Whom::Sender => "sender",
            Whom::Administrator => "administrator",
            Whom::Nobody => "nobody",
        }
    }
}

/// What an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// What happened.
    pub what: Both,
    /// What to do now.
    pub todo: Both,
    /// Who is to do it.
    pub whom: Whom,
}

const fn advice(whom: Whom, what: Both, todo: Both) -> Advice {
    Advice { what, todo, whom }
}

/// What an answer means: the first row of the table that fits, else what its class alone says.
pub fn of(answer: &Answer) -> &'static Advice {
    find(answer).unwrap_or(if is_permanent(answer) { &REFUSED } else { &LATER })
}

/// Whether the table has no row for it: worth a look by whoever looks after the table.
pub fn is_unknown(answer: &Answer) -> bool {
    find(answer).is_none()
}

fn find(answer: &Answer) -> Option<&'static Advice> {
    let detail = answer.status.split_once('.').map_or("", |(_class, detail)| detail);
    let text = answer.text.to_lowercase();
    let permanent = is_permanent(answer);
    let fits = |row: &&table::Row| {
        let class = match row.when {
            table::When::Any => true,
            table::When::Permanent => permanent,
            table::When::Temporary => !permanent,
        };
        class && (row.detail.is_empty() || row.detail == detail) && row.words.iter().all(|word| text.contains(word))
    };
    table::rows().find(fits).map(|row| row.advice)
}

/// By the code; where nobody replied, by the status.
fn is_permanent(answer: &Answer) -> bool {
    if answer.code == 0 { answer.status.starts_with('5') } else { answer.code >= 500 }
}

const REFUSED: Advice = advice(
    Whom::Sender,
    both("Сервер получателя отказался принять письмо.", "The recipient's server refused the message."),
    both(
        "Прочитайте ответ сервера ниже. Если он непонятен, перешлите это сообщение администратору почты.",
        "Read the server's answer below. If it does not help, forward this notice to your mail administrator.",
    ),
);
const LATER: Advice = advice(
    Whom::Nobody,
    both(
        "Сервер получателя не смог принять письмо сразу.",
        "The recipient's server could not take the message at once.",
    ),
    both(
        "Сервер повторяет попытки сам. Если письмо вернулось, отправьте его позже.",
        "The server keeps trying by itself. If the message came back, send it again later.",
    ),
);

pub(super) const FAILED: Both = both("Письмо не доставлено", "Message not delivered");
pub(super) const DELAYED: Both = both("Доставка письма задерживается", "Message delayed");
pub(super) const SUCCEEDED: Both = both("Письмо доставлено", "Message delivered");
pub(super) const ALMOST_FULL: Both = both("Почтовый ящик почти полон", "Your mailbox is almost full");

pub(super) const FAILED_OPENING: Both = both(
    "Ваше письмо не доставлено получателям, которые названы ниже. Другим получателям, если они были, оно доставляется.",
    "Your message was not delivered to some of the recipients named below. To others, if there were any, it is delivered.",
);
pub(super) const DELAYED_OPENING: Both = both(
    "Ваше письмо пока не доставлено следующим получателям. Сервер продолжает попытки; отправлять его снова не нужно.",
    "Your message has not been delivered to the following recipients yet. The server keeps trying; do not send it again.",
);
pub(super) const SUCCEEDED_OPENING: Both = both(
    "Вы просили сообщить о доставке письма. Вот что стало с ним для следующих получателей.",
    "You asked to be told of the delivery of your message. This is what became of it for the following recipients.",
);

pub(super) const NOT_DELIVERED: Both = both("Письмо не доставлено.", "The message was not delivered.");
pub(super) const STILL_TRIED: Both =
    both("Письмо ещё не доставлено, попытки продолжаются.", "The message is not delivered yet and is tried again.");
pub(super) const DELIVERED: Both = both("Письмо положено в почтовый ящик.", "The message was put into the mailbox.");
pub(super) const RELAYED: Both = both(
    "Письмо передано следующему серверу; о дальнейшей доставке он не сообщает.",
    "The message was handed to the next server, which does not tell what becomes of it.",
);
pub(super) const EXPANDED: Both = both(
    "Письмо разослано по адресам, на которые указывает этот адрес; о каждом из них отдельно не сообщается.",
    "The message went on to the addresses that this address stands for; nothing more is told of each of them.",
);
pub(super) const UNTIL: Both = both("Попытки продолжаются до", "It is tried until");
pub(super) const SAID: Both = both("Ответ:", "The answer was:");

pub(super) const FULL_ADVICE: Both = both(
    "Удалите ненужные письма и очистите корзину. Когда ящик заполнится, новые письма приниматься не будут.",
    "Delete messages you do not need and empty the trash. When the mailbox is full, new mail will be refused.",
);

#[cfg(test)]
mod tests;
