// What client-js/README.md shows is what the other tests run: each of its blocks of code is the text of a file.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { at } from "./support.mjs";

const MARK = "// As the README has it:\n";

/** The blocks, each with the file that the text before it links to, if it does. */
function blocks() {
  const readme = readFileSync(at("../client-js/README.md"), "utf8");
  const parts = readme.split(/^```(\w*)\n/m);
  const found = [];
  for (let index = 1; index < parts.length; index += 4) {
    const links = [...parts[index - 1].matchAll(/\]\(\.\.\/examples\/([^)]+\.\w+)\)/g)];
    found.push({ language: parts[index], text: parts[index + 1], file: links.at(-1)?.[1] });
  }
  return found;
}

/** The README's recipes, whole; without a link, the rest of one of the `snippets/`. */
const snippets = readdirSync(at("snippets")).map((name) => readFileSync(at(`snippets/${name}`), "utf8").split(MARK)[1]);

test("every block of the client's README is the text of an example", () => {
  const all = blocks();
  for (const { text, file } of all) {
    if (file) assert.equal(text, readFileSync(at(file), "utf8"), `examples/${file}`);
    else assert.ok(snippets.includes(text), `no file in examples/snippets ends in\n${text}`);
  }
  const shown = all.map(({ file }) => file).filter(Boolean);
  const recipes = ["plain-page/index.html", "react/app.tsx", "vue/hub.ts", "vue/App.vue", "node/watch.ts", "express/server.ts", "fastapi/app.py", "django/portcullis.py"];
  assert.deepEqual([...shown].sort(), [...recipes].sort());
  assert.equal(all.length - shown.length, snippets.length);
});
