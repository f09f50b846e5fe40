// The words of the page in two languages, and the Russian plural forms (one, two to four, five and more).

const ru = {
  title: "Почтовый сервер",
  now: "Сейчас",
  services: "Службы",
  service: "Служба",
  state: "Состояние",
  journal: "Журнал",
  time: "Время",
  message: "Сообщение",
  created: (mailboxes, aliases, domains) =>
    `Создано ${count(mailboxes, "ящик", "ящика", "ящиков")} и ${count(aliases, "ссылка", "ссылки", "ссылок")} ` +
    `в ${count(domains, "домене", "доменах", "доменах")}`,
  stored: (messages, size) => `Хранится ${count(messages, "письмо", "письма", "писем")}, ${size}`,
  smtp: (ports) => `SMTP работает на порту ${ports}`,
  pop3: (ports) => `POP3 работает на порту ${ports}`,
  smtpOff: () => "SMTP выключен",
  pop3Off: () => "POP3 выключен",
  ssl: (on) => (on ? "Шифрование включено" : "Шифрование: порты SSL выключены"),
  disk: (free, size) => `Свободно ${free} из ${size}`,
  noDisk: (why) => `Диск для почты недоступен: ${why}`,
  process: (rss, threads) => `Память ${rss}, ${count(threads, "поток", "потока", "потоков")}`,
  uptime: (days, hours, minutes) => `Работает ${days} дн. ${hours} ч ${minutes} мин.`,
  lost: (why) => `Сервер не отвечает: ${why}. Следующая попытка через несколько секунд.`,
  units: ["байт", "КБ", "МБ", "ГБ", "ТБ"],
};

const en = {
  title: "Mail server",
  now: "Now",
  services: "Services",
  service: "Service",
  state: "State",
  journal: "Journal",
  time: "Time",
  message: "Message",
  created: (mailboxes, aliases, domains) =>
    `${some(mailboxes, "mailbox", "mailboxes")} and ${some(aliases, "alias", "aliases")} ` +
    `in ${some(domains, "domain", "domains")}`,
  stored: (messages, size) => `${some(messages, "message", "messages")} stored, ${size}`,
  smtp: (ports) => `SMTP is running on port ${ports}`,
  pop3: (ports) => `POP3 is running on port ${ports}`,
  smtpOff: () => "SMTP is disabled",
  pop3Off: () => "POP3 is disabled",
  ssl: (on) => (on ? "Encryption enabled" : "Encryption: the SSL ports are disabled"),
  disk: (free, size) => `${free} of ${size} free`,
  noDisk: (why) => `The mail disk is not available: ${why}`,
  process: (rss, threads) => `Memory ${rss}, ${some(threads, "thread", "threads")}`,
  uptime: (days, hours, minutes) => `Running for ${days} d ${hours} h ${minutes} min`,
  lost: (why) => `The server does not answer: ${why}. It is tried again in a few seconds.`,
  units: ["bytes", "KB", "MB", "GB", "TB"],
};

function some(n, one, many) {
  return `${n} ${n === 1 ? one : many}`;
}

// 1, 21, 31 ... take the first form, 2-4, 22-24 ... the second, all others and 11-14 the third.
function count(n, one, few, many) {
  const tens = n % 100;
  const units = n % 10;
  if (tens >= 11 && tens <= 14) return `${n} ${many}`;
  if (units === 1) return `${n} ${one}`;
  return `${n} ${units >= 2 && units <= 4 ? few : many}`;
}

export const words = { ru, en };

export function size(octets, language) {
  let value = octets;
  let unit = 0;
  while (value >= 1024 && unit < 4) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  const number = new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
  return `${number} ${words[language].units[unit]}`;
}
