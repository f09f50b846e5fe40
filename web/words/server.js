// What the server says in English, in Russian. `{}` stands for whatever the server put there. A sentence that is not here is
// shown as it is: better in English than not at all.

const SENTENCES = [
  ["the server does not answer", "сервер не отвечает"],
  ["see whether it runs and whether the network is there", "проверьте, работает ли он и есть ли сеть"],
  ["the server answered {}", "сервер ответил {}"],
  ["try again", "попробуйте ещё раз"],
];

const PATTERNS = SENTENCES.map(([en, ru]) => [new RegExp(`^${en.split("{}").map(escape).join("(.*?)")}$`, "s"), ru]);

function escape(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

export function translate(sentence) {
  for (const [pattern, words] of PATTERNS) {
    const found = pattern.exec(sentence);
    if (!found) continue;
    let n = 0;
    return words.replace(/\{\}/g, () => translate(found[(n += 1)]));
  }
  return sentence;
}
