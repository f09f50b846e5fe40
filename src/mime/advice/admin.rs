//! What whoever runs this server can do.

use super::{Advice, Whom, advice, both};

pub(super) const LOOP: Advice = advice(
    Whom::Administrator,
    both(
        "Письмо ходит по кругу между серверами или псевдонимами.",
        "The message runs in a circle between servers or aliases.",
    ),
    both(
        "Найдите пересылку, которая ведёт обратно, и уберите её.",
        "Find the forwarding that leads back, and take it out.",
    ),
);
pub(super) const NO_PTR: Advice = advice(
    Whom::Administrator,
    both(
        "У нашего IP-адреса нет обратной записи DNS (PTR), или она не сходится с прямой.",
        "Our IP address has no reverse DNS record (PTR), or it does not agree with the forward one.",
    ),
    both(
        "Попросите провайдера записать в PTR имя этого сервера, и проверьте, что имя указывает на тот же адрес.",
        "Ask the provider to set the PTR record to this server's name, and see that the name points back to the same address.",
    ),
);
pub(super) const BAD_HELO: Advice = advice(
    Whom::Administrator,
    both(
        "Серверу получателя не понравилось имя, которым представляется наш сервер.",
        "The recipient's server does not like the name that our server gives.",
    ),
    both(
        "Укажите в настройках имя сервера, которое есть в DNS и указывает на наш IP-адрес.",
        "Set a server name that is in the DNS and points to our IP address.",
    ),
);
pub(super) const SPF: Advice = advice(
    Whom::Administrator,
    both(
        "По записи SPF нашего домена этот сервер не имеет права слать от его имени.",
        "By the SPF record of our domain this server may not send in its name.",
    ),
    both(
        "Добавьте IP-адрес сервера (или сервера провайдера) в запись SPF домена отправителя.",
        "Add the server's IP address (or the provider's server) to the SPF record of the sender's domain.",
    ),
);
pub(super) const DKIM: Advice = advice(
    Whom::Administrator,
    both("Подпись DKIM отсутствует или не сходится.", "The DKIM signature is missing or does not verify."),
    both(
        "Включите подпись DKIM и проверьте, что запись DKIM в DNS совпадает с показанной на странице домена.",
        "Switch DKIM signing on, and see that the DKIM record in the DNS is the one that the domain's page shows.",
    ),
);
pub(super) const DMARC: Advice = advice(
    Whom::Administrator,
    both(
        "Письмо не прошло проверку DMARC домена отправителя.",
        "The message failed the DMARC check of the sender's domain.",
    ),
    both(
        "Проверьте записи SPF, DKIM и DMARC домена, который стоит в поле «От».",
        "Check the SPF, DKIM and DMARC records of the domain in the From field.",
    ),
);
pub(super) const UNAUTHENTICATED: Advice = advice(
    Whom::Administrator,
    both(
        "Получатель требует, чтобы отправитель подтверждался записями SPF или DKIM, а этого нет.",
        "The recipient wants the sender proven by SPF or DKIM, and it is not.",
    ),
    both(
        "Добавьте в DNS записи SPF и DKIM (их показывает страница домена) и дождитесь, пока они разойдутся.",
        "Put the SPF and DKIM records that the domain's page shows into the DNS, and wait until they have spread.",
    ),
);
pub(super) const LISTED: Advice = advice(
    Whom::Administrator,
    both("Наш IP-адрес в чёрном списке.", "Our IP address is on a block list."),
    both(
        "Откройте ссылку из ответа, узнайте причину, устраните её (чаще всего — чужой рассылает через взломанный ящик или компьютер) и попросите исключить адрес.",
        "Open the link in the answer, find the reason, remove it (most often somebody sends through a stolen mailbox or an infected computer), and ask to be taken off.",
    ),
);
pub(super) const SPAMHAUS: Advice = advice(
    Whom::Administrator,
    both("Наш IP-адрес в списке Spamhaus.", "Our IP address is on a list of Spamhaus."),
    both(
        "Проверьте адрес на check.spamhaus.org, устраните причину и запросите исключение там же.",
        "Look the address up at check.spamhaus.org, remove the reason, and ask there to be taken off.",
    ),
);
pub(super) const DYNAMIC: Advice = advice(
    Whom::Administrator,
    both(
        "Наш IP-адрес числится за домашними или динамическими, с которых почту не принимают.",
        "Our IP address counts as a home or dynamic one, from which no mail is taken.",
    ),
    both(
        "Настройте отправку через сервер провайдера или попросите у провайдера постоянный адрес с записью PTR.",
        "Send through the provider's server, or ask the provider for a fixed address with a PTR record.",
    ),
);
pub(super) const BARRACUDA: Advice = advice(
    Whom::Administrator,
    both("Наш IP-адрес в списке Barracuda.", "Our IP address is on Barracuda's list."),
    both(
        "Устраните причину и подайте заявку на barracudacentral.org/rbl/removal-request.",
        "Remove the reason and ask at barracudacentral.org/rbl/removal-request to be taken off.",
    ),
);
pub(super) const SPAMCOP: Advice = advice(
    Whom::Administrator,
    both("Наш IP-адрес в списке SpamCop.", "Our IP address is on SpamCop's list."),
    both(
        "Остановите рассылку спама; адрес исключается сам примерно через сутки.",
        "Stop the spam; the address is taken off by itself after about a day.",
    ),
);
pub(super) const DOMAIN_LISTED: Advice = advice(
    Whom::Administrator,
    both("Наш домен или ссылка в письме в чёрном списке.", "Our domain, or a link in the message, is on a block list."),
    both(
        "Узнайте по ответу, какой домен внесён и за что; уберите ссылку или запросите исключение домена.",
        "See in the answer which domain is listed and why; take the link out, or ask for the domain to be taken off.",
    ),
);
pub(super) const REPUTATION: Advice = advice(
    Whom::Administrator,
    both(
        "У нашего адреса или домена плохая или ещё не сложившаяся репутация у получателя.",
        "Our address or domain has a bad reputation there, or none yet.",
    ),
    both(
        "Проверьте, не рассылает ли спам взломанный ящик; настройте SPF, DKIM, DMARC и PTR; первое время отправляйте понемногу.",
        "See whether a stolen mailbox sends spam; set up SPF, DKIM, DMARC and PTR; send little in the beginning.",
    ),
);
pub(super) const THROTTLED: Advice = advice(
    Whom::Administrator,
    both(
        "Получатель ограничил поток писем с нашего адреса.",
        "The recipient limits how much mail it takes from our address.",
    ),
    both(
        "Сервер повторяет попытки реже сам. Если поток необычен, найдите ящик, который столько шлёт.",
        "The server slows down by itself. If the amount is unusual, find the mailbox that sends that much.",
    ),
);
pub(super) const MS_BLOCKED: Advice = advice(
    Whom::Administrator,
    both(
        "Microsoft (Outlook, Hotmail) заблокировала наш IP-адрес.",
        "Microsoft (Outlook, Hotmail) blocks our IP address.",
    ),
    both(
        "Подайте заявку на sendersupport.olc.protection.outlook.com/snds или форму поддержки отправителей Outlook.com; проверьте PTR и SPF.",
        "Ask at sendersupport.olc.protection.outlook.com or by the sender support form of Outlook.com to be taken off; check PTR and SPF.",
    ),
);
pub(super) const MS_NETWORK: Advice = advice(
    Whom::Administrator,
    both(
        "Microsoft (Outlook, Hotmail) заблокировала сеть, в которой наш IP-адрес.",
        "Microsoft (Outlook, Hotmail) blocks the network that our IP address is in.",
    ),
    both(
        "Обратитесь к провайдеру сети; пока отправляйте через его сервер.",
        "Turn to the provider of the network; send through the provider's server meanwhile.",
    ),
);
pub(super) const MS_DELIST: Advice = advice(
    Whom::Administrator,
    both("Microsoft 365 запретил отправку с нашего IP-адреса.", "Microsoft 365 has banned our IP address."),
    both(
        "Введите адрес на sender.office.com и следуйте указаниям.",
        "Enter the address at sender.office.com and follow the steps.",
    ),
);
pub(super) const YAHOO: Advice = advice(
    Whom::Administrator,
    both(
        "Yahoo откладывает почту с нашего адреса из-за жалоб или необычного потока.",
        "Yahoo puts mail from our address off because of complaints or unusual traffic.",
    ),
    both(
        "Сервер повторяет попытки сам; найдите, кто вызывает жалобы. Подробности: senders.yahooinc.com/smtp-error-codes.",
        "The server keeps trying; find who causes complaints. More at senders.yahooinc.com/smtp-error-codes.",
    ),
);
pub(super) const MAILRU: Advice = advice(
    Whom::Administrator,
    both("Mail.ru не принимает почту с нашего IP-адреса.", "Mail.ru takes no mail from our IP address."),
    both(
        "Устраните причину, проверьте PTR и SPF и напишите в поддержку: help.mail.ru/notspam-support.",
        "Remove the reason, check PTR and SPF, and write to help.mail.ru/notspam-support.",
    ),
);
pub(super) const MAILRU_SPAM: Advice = advice(
    Whom::Administrator,
    both("Mail.ru принял письмо за спам.", "Mail.ru took the message for spam."),
    both(
        "Проверьте SPF, DKIM, DMARC и содержание; сведения о домене — на postmaster.mail.ru.",
        "Check SPF, DKIM, DMARC and the content; postmaster.mail.ru shows what it thinks of the domain.",
    ),
);
pub(super) const YANDEX_SPAM: Advice = advice(
    Whom::Administrator,
    both("Яндекс принял письмо за спам.", "Yandex took the message for spam."),
    both(
        "Проверьте SPF, DKIM, DMARC и содержание; сведения о домене — на postoffice.yandex.ru.",
        "Check SPF, DKIM, DMARC and the content; postoffice.yandex.ru shows what it thinks of the domain.",
    ),
);
pub(super) const TLS_REQUIRED: Advice = advice(
    Whom::Administrator,
    both(
        "Получатель принимает почту только по шифрованному соединению.",
        "The recipient takes mail over encrypted connections only.",
    ),
    both(
        "Проверьте, что шифрование при отправке включено и сервер на пути его поддерживает.",
        "See that encryption is on for sending and that the server in between supports it.",
    ),
);
pub(super) const TLS_FAILED: Advice = advice(
    Whom::Administrator,
    both(
        "Шифрованное соединение с сервером получателя не установилось, а без него слать нельзя.",
        "The encrypted connection to the recipient's server failed, and nothing may be sent without it.",
    ),
    both(
        "Проверьте часы сервера и сертификат следующего сервера; сервер повторяет попытки сам.",
        "Check this server's clock and the next server's certificate; the server keeps trying by itself.",
    ),
);
pub(super) const DANE: Advice = advice(
    Whom::Administrator,
    both(
        "Сертификат сервера получателя не совпадает с записью TLSA в его подписанной зоне DNS (DANE), или эту запись нельзя проверить.",
        "The certificate of the recipient's server does not match the TLSA record in its signed DNS zone (DANE), or that record cannot be checked.",
    ),
    both(
        "Чаще всего там сменили сертификат и забыли запись: сообщите администратору домена получателя. Сервер повторяет попытки сам; не отправляйте в обход проверки.",
        "Most often the certificate was renewed there and the record forgotten: tell the administrator of the recipient's domain. The server keeps trying by itself; do not send around the check.",
    ),
);
pub(super) const LOGIN_REQUIRED: Advice = advice(
    Whom::Administrator,
    both("Сервер, через который мы отправляем, требует входа.", "The server that we send through wants a login."),
    both(
        "Укажите имя и пароль в настройках отправки через сервер провайдера.",
        "Set name and password in the settings of the server that mail is sent through.",
    ),
);
pub(super) const LOGIN_WRONG: Advice = advice(
    Whom::Administrator,
    both(
        "Сервер, через который мы отправляем, не принял имя и пароль.",
        "The server that we send through refused name and password.",
    ),
    both(
        "Проверьте имя и пароль в настройках отправки; некоторым службам нужен «пароль приложения».",
        "Check name and password in the settings of the server that mail is sent through; some services want an app password.",
    ),
);
pub(super) const RELAY_DENIED: Advice = advice(
    Whom::Administrator,
    both(
        "Сервер, которому передали письмо, не принимает почту для этого домена.",
        "The server that got the message does not take mail for this domain.",
    ),
    both(
        "Если это сервер получателя — у его домена неверные записи MX. Если это сервер провайдера — проверьте имя, пароль и разрешённый адрес отправителя.",
        "If it is the recipient's server, the MX records of that domain are wrong. If it is the provider's, check login and the sender addresses it allows.",
    ),
);
pub(super) const SENDER_DOMAIN: Advice = advice(
    Whom::Administrator,
    both(
        "Домена отправителя нет в DNS, или на него нельзя ответить.",
        "The sender's domain is not in the DNS, or cannot be answered.",
    ),
    both("Проверьте записи MX и A домена отправителя.", "Check the MX and A records of the sender's domain."),
);
pub(super) const SENDER_CHECK: Advice = advice(
    Whom::Administrator,
    both(
        "Сервер получателя проверил адрес отправителя и не смог его подтвердить.",
        "The recipient's server called back to check the sender's address, and failed.",
    ),
    both(
        "Проверьте, что такой ящик есть и сервер принимает почту извне по порту 25.",
        "See that there is such a mailbox and that this server takes mail from outside on port 25.",
    ),
);
pub(super) const POLICY: Advice = advice(
    Whom::Administrator,
    both(
        "Сервер получателя отказался принять письмо по своим правилам.",
        "The recipient's server refused the message by its rules.",
    ),
    both(
        "Проверьте PTR, SPF, DKIM и DMARC, и нет ли адреса в чёрных списках; если всё в порядке, напишите администратору получателя.",
        "Check PTR, SPF, DKIM and DMARC and the block lists; if all is well, write to the administrator over there.",
    ),
);
pub(super) const CONFIGURATION: Advice = advice(
    Whom::Administrator,
    both(
        "Сервер получателя или путь к нему настроен неверно.",
        "The recipient's server, or the way to it, is set up wrongly.",
    ),
    both(
        "Проверьте маршруты и сервер отправки в настройках; если они верны, сообщите администратору получателя.",
        "Check the routes and the server that mail is sent through; if they are right, tell the administrator over there.",
    ),
);
pub(super) const OURS: Advice = advice(
    Whom::Administrator,
    both("Наш сервер не смог обработать письмо.", "Our own server could not handle the message."),
    both(
        "Посмотрите журнал этого сервера около времени попытки.",
        "Look into this server's journal at the time of the attempt.",
    ),
);
