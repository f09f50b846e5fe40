//! What the sender can do, or need not do since it is tried again.

use super::{Advice, Whom, advice, both};

pub(super) const DELETED: Advice = advice(
    Whom::Sender,
    both(
        "Администратор почты удалил письмо из очереди, не дождавшись доставки.",
        "The mail administrator deleted the message from the queue before it was delivered.",
    ),
    both(
        "Спросите администратора почты о причине. Если письмо всё ещё нужно, отправьте его снова.",
        "Ask the mail administrator for the reason. If the message is still needed, send it again.",
    ),
);
pub(super) const NO_MAILBOX: Advice = advice(
    Whom::Sender,
    both("Такого ящика у получателя нет.", "There is no such mailbox."),
    both(
        "Проверьте адрес получателя (опечатки, лишние знаки) и отправьте письмо снова.",
        "Check the recipient's address for typing errors and send the message again.",
    ),
);
pub(super) const NO_DOMAIN: Advice = advice(
    Whom::Sender,
    both("Такого почтового домена нет.", "There is no such mail domain."),
    both(
        "Проверьте часть адреса после @ и отправьте письмо снова.",
        "Check the part of the address after the @ and send the message again.",
    ),
);
pub(super) const NULL_MX: Advice = advice(
    Whom::Sender,
    both("Домен получателя объявил, что не принимает почту.", "The recipient's domain says that it takes no mail."),
    both(
        "Проверьте часть адреса после @ или узнайте у получателя другой адрес.",
        "Check the part of the address after the @, or ask the recipient for another address.",
    ),
);
pub(super) const BAD_ADDRESS: Advice = advice(
    Whom::Sender,
    both(
        "Сервер получателя считает адрес неправильно записанным.",
        "The recipient's server finds the address malformed.",
    ),
    both(
        "Проверьте адрес: пробелы, кавычки, знаки препинания, буквы другого алфавита.",
        "Check the address: blanks, quotes, punctuation, letters of another alphabet.",
    ),
);
pub(super) const DISABLED: Advice = advice(
    Whom::Sender,
    both(
        "Ящик получателя отключён или давно не используется.",
        "The recipient's mailbox is switched off or has not been used for long.",
    ),
    both(
        "Свяжитесь с получателем другим способом и узнайте его нынешний адрес.",
        "Reach the recipient in another way and ask for the address in use.",
    ),
);
pub(super) const MOVED: Advice = advice(
    Whom::Sender,
    both("Получатель сменил адрес.", "The recipient has another address now."),
    both(
        "Новый адрес может быть указан в ответе сервера ниже; отправьте письмо на него.",
        "The new address may stand in the server's answer below; send the message there.",
    ),
);
pub(super) const FULL: Advice = advice(
    Whom::Sender,
    both("Ящик получателя переполнен.", "The recipient's mailbox is full."),
    both(
        "Отправьте письмо позже или сообщите получателю другим способом, что ящик полон.",
        "Send the message later, or tell the recipient in another way that the mailbox is full.",
    ),
);
pub(super) const TOO_BIG_FOR_BOX: Advice = advice(
    Whom::Sender,
    both("Письмо больше, чем принимает этот ящик.", "The message is larger than this mailbox takes."),
    both("Уменьшите вложения или передайте файлы ссылкой.", "Send smaller attachments, or a link to the files."),
);
pub(super) const TOO_BIG: Advice = advice(
    Whom::Sender,
    both("Письмо больше, чем принимает сервер.", "The message is larger than the server takes."),
    both("Уменьшите вложения или передайте файлы ссылкой.", "Send smaller attachments, or a link to the files."),
);
pub(super) const TYPE: Advice = advice(
    Whom::Sender,
    both("Сервер получателя не принимает такие вложения.", "The recipient's server takes no attachments of this sort."),
    both(
        "Уберите вложение (программы, сценарии, архивы с паролем) или передайте файл ссылкой.",
        "Take the attachment out (programs, scripts, archives with a password), or send a link to the file.",
    ),
);
pub(super) const VIRUS: Advice = advice(
    Whom::Sender,
    both("Сервер получателя счёл письмо заражённым.", "The recipient's server found a virus in the message."),
    both(
        "Проверьте компьютер и вложения антивирусом, прежде чем отправлять снова.",
        "Scan your computer and the attachments before you send anything again.",
    ),
);
pub(super) const SPAM: Advice = advice(
    Whom::Sender,
    both("Сервер получателя принял письмо за спам.", "The recipient's server took the message for spam."),
    both(
        "Измените тему и текст, уберите ссылки и лишних получателей и отправьте снова. Если это повторяется, сообщите администратору почты.",
        "Change subject and text, take out links and needless recipients, and send it again. If it happens again, tell your mail administrator.",
    ),
);
pub(super) const MEMBERS_ONLY: Advice = advice(
    Whom::Sender,
    both(
        "Этот адрес принимает письма только от своих: участников списка, сотрудников, разрешённых отправителей.",
        "This address takes mail from its own people only: members of a list, colleagues, allowed senders.",
    ),
    both(
        "Попросите владельца адреса разрешить вам писать на него.",
        "Ask the owner of the address to let you write to it.",
    ),
);
pub(super) const UNWANTED: Advice = advice(
    Whom::Sender,
    both(
        "Получатель или его сервер запретил письма от вашего адреса.",
        "The recipient or the recipient's server blocks mail from your address.",
    ),
    both(
        "Свяжитесь с получателем другим способом и попросите снять запрет.",
        "Reach the recipient in another way and ask to be let through.",
    ),
);
pub(super) const TOO_MANY_RECIPIENTS: Advice = advice(
    Whom::Sender,
    both("В письме слишком много получателей.", "The message has too many recipients."),
    both(
        "Отправьте письмо несколькими частями, каждую меньшему числу получателей.",
        "Send the message in several goes, each to fewer recipients.",
    ),
);
pub(super) const NEEDS_UTF8: Advice = advice(
    Whom::Sender,
    both(
        "Сервер получателя не понимает адресов с нелатинскими буквами.",
        "The recipient's server does not know addresses with letters beyond ASCII.",
    ),
    both(
        "Отправьте с адреса из латинских букв или узнайте у получателя его адрес латиницей.",
        "Send from an address in plain ASCII letters, or ask the recipient for such an address.",
    ),
);
pub(super) const HEAD_NEEDS_UTF8: Advice = advice(
    Whom::Sender,
    both(
        "Сервер получателя не понимает писем, в заголовке которых (тема, имена, адреса) стоят некодированные нелатинские буквы.",
        "The recipient's server does not know messages whose header (subject, names, addresses) has letters beyond ASCII as they are.",
    ),
    both(
        "Укажите в письме только адреса из латинских букв и отправьте его снова.",
        "Use only addresses in plain ASCII letters in the message, and send it again.",
    ),
);
pub(super) const NEEDS_EIGHT_BITS: Advice = advice(
    Whom::Sender,
    both(
        "Сервер получателя принимает только 7-битные письма, а это письмо нельзя перекодировать, не испортив его.",
        "The recipient's server takes messages in 7 bits only, and this one cannot be put into such a form without breaking it.",
    ),
    both(
        "Отправьте письмо без электронной подписи (S/MIME, PGP) или вложите его текст файлом.",
        "Send the message without a signature (S/MIME, PGP), or attach its text as a file.",
    ),
);
pub(super) const MALFORMED: Advice = advice(
    Whom::Sender,
    both(
        "Сервер получателя считает письмо составленным не по правилам.",
        "The recipient's server finds the message malformed.",
    ),
    both(
        "Отправьте письмо из другой почтовой программы. Если писала программа или устройство, покажите ответ тому, кто её настраивает.",
        "Send it from another mail program. If a device or a script wrote it, show the answer to whoever looks after it.",
    ),
);
pub(super) const MANY_FROMS: Advice = advice(
    Whom::Sender,
    both("В письме неверное поле «От» (From).", "The From field of the message is wrong."),
    both(
        "В поле «От» должен стоять один ваш адрес; проверьте настройку почтовой программы.",
        "From must hold one address of yours; check the settings of your mail program.",
    ),
);
pub(super) const GREYLISTED: Advice = advice(
    Whom::Nobody,
    both(
        "Сервер получателя ещё не знает нашего и просит повторить позже (серый список).",
        "The recipient's server does not know ours yet and asks to come again later (greylisting).",
    ),
    both(
        "Сервер повторит попытку сам через несколько минут; делать ничего не нужно.",
        "The server tries again by itself in some minutes; nothing is to be done.",
    ),
);
pub(super) const BUSY: Advice = advice(
    Whom::Nobody,
    both(
        "Сервер получателя занят или временно не работает.",
        "The recipient's server is busy or out of order for a while.",
    ),
    both(
        "Сервер повторяет попытки сам. Если письмо вернулось, отправьте его позже.",
        "The server keeps trying by itself. If the message came back, send it later.",
    ),
);
pub(super) const UNREACHABLE: Advice = advice(
    Whom::Nobody,
    both("До сервера получателя не удалось дозвониться.", "The recipient's server could not be reached."),
    both(
        "Сервер повторяет попытки сам. Если так со всеми адресами, администратору: проверьте выход в интернет по порту 25 или настройте отправку через сервер провайдера.",
        "The server keeps trying by itself. If it is so with all addresses, the administrator is to check whether port 25 is open to the internet, or to send through the provider's server.",
    ),
);
pub(super) const TIMED_OUT: Advice = advice(
    Whom::Nobody,
    both(
        "Сервер получателя не ответил вовремя или оборвал связь.",
        "The recipient's server did not answer in time, or cut the connection.",
    ),
    both(
        "Сервер повторяет попытки сам. Если письмо вернулось, отправьте его позже.",
        "The server keeps trying by itself. If the message came back, send it later.",
    ),
);
pub(super) const DNS_TROUBLE: Advice = advice(
    Whom::Nobody,
    both(
        "Имя сервера получателя сейчас не удаётся найти (DNS).",
        "The name of the recipient's server cannot be found now (DNS).",
    ),
    both(
        "Сервер повторяет попытки сам. Если так со всеми доменами, администратору: проверьте DNS.",
        "The server keeps trying by itself. If it is so with all domains, the administrator is to check the DNS.",
    ),
);
pub(super) const NO_SPACE: Advice = advice(
    Whom::Nobody,
    both("На сервере получателя кончилось место.", "The recipient's server has run out of room."),
    both(
        "Сервер повторяет попытки сам; сообщите получателю другим способом, если срочно.",
        "The server keeps trying by itself; tell the recipient in another way if it is urgent.",
    ),
);
pub(super) const RECEIVES_TOO_MUCH: Advice = advice(
    Whom::Nobody,
    both("Этот ящик сейчас получает слишком много писем.", "This mailbox is getting too much mail just now."),
    both(
        "Сервер повторяет попытки сам; делать ничего не нужно.",
        "The server keeps trying by itself; nothing is to be done.",
    ),
);
pub(super) const EXPIRED: Advice = advice(
    Whom::Sender,
    both("Срок попыток вышел.", "The time for trying is over."),
    both(
        "Отправьте письмо снова или сообщите получателю другим способом.",
        "Send the message again, or reach the recipient in another way.",
    ),
);
