/** The hub's own pages: what their scripts keep from one page to the next. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { beforeEach, test } from "node:test";
import { FakeWindow } from "./support/window.js";

interface ReturnTo {
  keep(query: string): void;
  kept(): string;
  forget(): void;
}

interface Hints {
  inOwnWords(detail: string, known: Record<string, string>): string;
}

/** The script as an address of its own, with the addresses of those that it imports: such an address has no folder. */
async function address(name: string): Promise<string> {
  let source = await readFile(`../src/http/assets/${name}`, "utf8");
  for (const [, other = ""] of source.matchAll(/ from "\.\/(.+?)"/g)) {
    source = source.replace(`"./${other}"`, JSON.stringify(await address(other)));
  }
  return `data:text/javascript,${encodeURIComponent(source)}`;
}

async function load<Module>(name: string): Promise<Module> {
  return import(await address(name));
}

const { keep, kept, forget } = await load<ReturnTo>("return_to.js");
const { inOwnWords } = await load<Hints>("hints.js");

const WISH = "?return_to=%2Fcart%3Fitem%3D7";
const KEY = "portcullis:https://auth.example.org:return_to";

function provide(name: string, value: unknown): void {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}

beforeEach(() => {
  provide("localStorage", new FakeWindow().sessionStorage);
  provide("document", { body: { dataset: { hub: "https://auth.example.org" } } });
});

test("a wish lasts through a letter, until somebody has signed in or asks for none", () => {
  assert.equal(kept(), "");
  keep(WISH);
  assert.equal(kept(), WISH);
  forget();
  assert.equal(kept(), "");
  keep(WISH);
  keep("");
  assert.equal(kept(), "");
});

test("a wish is as old as the link at most", (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 1_000 });
  keep(WISH);
  context.mock.timers.setTime(1_000 + 86_399_999);
  assert.equal(kept(), WISH);
  context.mock.timers.setTime(1_000 + 86_400_000);
  assert.equal(kept(), "");
});

test("T22: what is kept leads to the page to sign in alone, whoever wrote it", () => {
  const until = Date.now() + 60_000;
  for (const query of ["//evil.example", "https://evil.example/", "javascript:alert(1)", "#x", 7, null]) {
    localStorage.setItem(KEY, JSON.stringify({ query, until }));
    assert.equal(kept(), "", String(query));
  }
  for (const text of ["", "null", "{", "[]", "7"]) {
    localStorage.setItem(KEY, text);
    assert.equal(kept(), "", text);
  }
  // Whatever else stands in the query, it stays the query of the page to sign in.
  localStorage.setItem(KEY, JSON.stringify({ query: "?return_to=//evil.example#/../x", until }));
  const link = new URL("https://auth.example.org/sign-in");
  link.search = kept();
  assert.equal(link.origin + link.pathname, "https://auth.example.org/sign-in");
});

test("a browser that keeps nothing is no fault", () => {
  const refuse = () => {
    throw new Error("denied");
  };
  provide("localStorage", { getItem: refuse, setItem: refuse, removeItem: refuse });
  keep(WISH);
  forget();
  assert.equal(kept(), "");
});

test("what is wrong with a password is said sentence by sentence, or not at all", () => {
  const known = { "It is easy.": "Легко.", "Add words. Rare ones.": "Добавьте слов.", "At least {n} signs.": "Хотя бы {n}." };
  assert.equal(inOwnWords("It is easy. Add words. Rare ones.", known), "Легко. Добавьте слов.");
  assert.equal(inOwnWords("At least 12 signs.", known), "Хотя бы 12.");
  for (const detail of ["It is easy. Be new.", "Add words.", "At least signs.", "must be a text", ""]) {
    assert.equal(inOwnWords(detail, known), "", detail);
  }
});
