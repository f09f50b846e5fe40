//! The sentences of our own messages, Russian and English side by side: what happened and what to do. No layout, no headers.

/// One sentence in both languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Both {
    pub ru: &'static str,
    pub en: &'static str,
}

const fn both(ru: &'static str, en: &'static str) -> Both {
    Both { ru, en }
}

pub(super) const FAILED: Both = both("Письмо не доставлено", "Message not delivered");
pub(super) const DELAYED: Both = both("Доставка письма задерживается", "Message delayed");
pub(super) const ALMOST_FULL: Both = both("Почтовый ящик почти полон", "Your mailbox is almost full");

pub(super) const FAILED_OPENING: Both = both(
    "Ваше письмо не доставлено следующим получателям. Другие получатели, если они были, его получили.",
    "Your message could not be delivered to the following recipients. Others, if there were any, have received it.",
);
pub(super) const DELAYED_OPENING: Both = both(
    "Ваше письмо пока не доставлено следующим получателям. Сервер продолжает попытки; делать ничего не нужно.",
    "Your message has not been delivered to the following recipients yet. The server keeps trying; you need not do anything.",
);
pub(super) const FULL_ADVICE: Both = both(
    "Удалите ненужные письма и очистите корзину. Когда ящик заполнится, новые письма приниматься не будут.",
    "Delete messages you do not need and empty the trash. When the mailbox is full, new mail will be refused.",
);

/// What to do about an enhanced status code (RFC 3463): the most exact row wins, the class is the last resort.
pub(super) fn advice(status: &str) -> Both {
    let detail = status.split_once('.').map_or("", |(_class, detail)| detail);
    ADVICE.iter().find(|(code, _)| *code == detail).map_or(OTHERWISE, |&(_, text)| text)
}

const OTHERWISE: Both = both(
    "Попробуйте отправить письмо позже. Если это повторится, перешлите это сообщение администратору почты.",
    "Try to send the message later. If this happens again, forward this notice to your mail administrator.",
);

const ADVICE: &[(&str, Both)] = &[
    (
        "1.1",
        both(
            "Такого ящика нет. Проверьте адрес получателя и отправьте письмо снова.",
            "There is no such mailbox. Check the recipient's address and send the message again.",
        ),
    ),
    (
        "1.2",
        both(
            "Такого домена нет. Проверьте часть адреса после @ и отправьте письмо снова.",
            "There is no such domain. Check the part of the address after the @ and send the message again.",
        ),
    ),
    (
        "2.1",
        both(
            "Ящик получателя отключён. Свяжитесь с получателем другим способом.",
            "The recipient's mailbox is switched off. Reach the recipient in another way.",
        ),
    ),
    (
        "2.2",
        both(
            "Ящик получателя переполнен. Отправьте письмо позже или сообщите получателю другим способом.",
            "The recipient's mailbox is full. Send the message later, or tell the recipient in another way.",
        ),
    ),
    (
        "2.3",
        both(
            "Письмо больше, чем принимает этот ящик. Уменьшите вложения или передайте файлы ссылкой.",
            "The message is larger than this mailbox takes. Send smaller attachments, or a link to the files.",
        ),
    ),
    (
        "3.4",
        both(
            "Письмо больше, чем принимает сервер. Уменьшите вложения или передайте файлы ссылкой.",
            "The message is larger than the server takes. Send smaller attachments, or a link to the files.",
        ),
    ),
    (
        "4.6",
        both(
            "Письмо ходит по кругу: неверно настроена пересылка. Сообщите администратору почты.",
            "The message runs in a circle: a forwarding is set up wrongly. Tell your mail administrator.",
        ),
    ),
    (
        "4.7",
        both(
            "Сервер получателя не ответил вовремя. Отправьте письмо позже.",
            "The recipient's server did not answer in time. Send the message later.",
        ),
    ),
    (
        "7.1",
        both(
            "Сервер получателя отказался принять письмо по своим правилам. Сообщите администратору почты.",
            "The recipient's server refused the message by its rules. Tell your mail administrator.",
        ),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_an_advice_and_the_class_does_not_matter() {
        assert_eq!(advice("5.2.2"), advice("4.2.2"));
        assert_ne!(advice("5.1.1"), advice("5.2.2"));
        for odd in ["", "5", "5.9.99", "nonsense"] {
            assert_eq!(advice(odd), OTHERWISE);
        }
    }
}
