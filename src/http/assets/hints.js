// What the server says is wrong with a password, in the language of the page. It says it in English, in sentences of which the
// texts know every one: they are told apart by themselves.

/** `detail` in the words of `known`, from the server's sentences to those of the page; "" where one of them is unknown. */
export function inOwnWords(detail, known) {
  const [number] = /\d+/.exec(detail) ?? [];
  const fill = (words) => words.replace("{n}", number);
  const said = [];
  for (let rest = detail; rest; rest = rest.trimStart()) {
    const found = Object.entries(known).find(([sentence]) => rest.startsWith(fill(sentence)));
    if (!found) return "";
    const [sentence, own] = found.map(fill);
    said.push(own);
    rest = rest.slice(sentence.length);
  }
  return said.join(" ");
}
