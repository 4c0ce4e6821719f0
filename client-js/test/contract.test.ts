/** What this package repeats of the hub's own source and documents is the same there. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { afterClose } from "../src/frames.js";

const read = (path: string) => readFileSync(path, "utf8");
const words = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, word]) => word).sort();

test("the error codes are those of the hub", () => {
  const [, union = ""] = /export type ServerCode =([^;]+);/.exec(read("src/errors.ts")) ?? [];
  const hub = read("../src/error.rs").split("codes! {")[1]?.split("\n}")[0] ?? "";
  assert.deepEqual(words(union, /"(\w+)"/g), words(hub, /= "(\w+)",/g));
});

test("the reasons of a sign-out are those of the hub", () => {
  const [, union = ""] = /export type EndReason =([^;]+);/.exec(read("src/model.ts")) ?? [];
  const section = read("../docs/PROTOCOL.md").split("### `signed_out`")[1]?.split("###")[0] ?? "";
  assert.deepEqual(words(union, /"(\w+)"/g), words(section, /^\| `(\w+)` \| \d/gm));
  for (const [, , code] of section.matchAll(/^\| `(\w+)` \| (\d+) \|/gm)) {
    assert.equal(afterClose(Number(code)), "signed_out");
  }
});

test("every close code of the hub is answered as its table says", () => {
  const table = read("../docs/PROTOCOL.md").split("## Close codes")[1]?.split("\n## ")[0] ?? "";
  const codes = [...table.matchAll(/^\| (\d{4}) \|/gm)].map(([, code]) => Number(code));
  assert.ok(codes.length >= 20);
  const expected: Record<number, string> = { 40: "signed_out", 41: "reconnect", 42: "reconnect", 43: "error", 10: "reconnect" };
  for (const code of codes) assert.equal(afterClose(code), expected[Math.floor(code / 100)], String(code));
  for (const code of [1001, 1006, 1011, 1012, 1013]) assert.equal(afterClose(code), "reconnect");
  assert.equal(afterClose(1000), "closed");
});

test("every route that is called is in the hub's documents", () => {
  const documented = read("../docs/API.md").replaceAll(/\{\w+\}/g, "{}");
  let count = 0;
  for (const file of ["account", "client", "session", "signout", "hub", "keys"]) {
    const source = read(`src/${file}.ts`).replaceAll("${ME}", "/api/users/me");
    for (const [, path = ""] of source.matchAll(/["`][A-Z]+ (\/(?:api|\.well-known)\/[^"`?]*)["`]/g)) {
      const route = path.replaceAll(/\$\{segment\(\w+\)\}/g, "{}").replace(/\$\{query.*$/, "");
      assert.ok(documented.includes(`\`${route}\``), route);
      count += 1;
    }
  }
  assert.ok(count > 20, "the routes were found");
});
