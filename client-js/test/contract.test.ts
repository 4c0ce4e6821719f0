/** What this package repeats of the hub's own source and documents is the same there. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { REASONS } from "../src/frames.js";
import { signedIn } from "./support/person.js";
import { World } from "./support/world.js";

const read = (path: string) => readFileSync(path, "utf8");
const words = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, word]) => word).sort();

test("the error codes are those of the hub", () => {
  const [, union = ""] = /export type ServerCode =([^;]+);/.exec(read("src/errors.ts")) ?? [];
  const hub = read("../src/error.rs").split("codes! {")[1]?.split("\n}")[0] ?? "";
  const codes = words(union, /"(\w+)"/g);
  const ofHub = words(hub, /= "(\w+)",/g);
  assert.ok(ofHub.length >= 30);
  assert.deepEqual(codes, ofHub);
});

test("the reasons of a sign-out are those of the hub", () => {
  const [, union = ""] = /export type EndReason =([^;]+);/.exec(read("src/model.ts")) ?? [];
  const section = read("../docs/PROTOCOL.md").split("### `signed_out`")[1]?.split("###")[0] ?? "";
  assert.deepEqual(words(union, /"(\w+)"/g), words(section, /^\| `(\w+)` \| \d/gm));
  const reasons = new Map<number, string[]>();
  for (const [, reason = "", code] of section.matchAll(/^\| `(\w+)` \| (\d+) \|/gm)) {
    reasons.set(Number(code), [...(reasons.get(Number(code)) ?? []), reason]);
  }
  assert.ok(reasons.size >= 5);
  for (const [code, possible] of reasons) assert.ok(possible.includes(REASONS[code] ?? "revoked"), String(code));
});

test("every close code of the hub is answered as its table says", async () => {
  const table = read("../docs/PROTOCOL.md").split("## Close codes")[1]?.split("\n## ")[0] ?? "";
  const codes = [...table.matchAll(/^\| (\d{4}) \|/gm)].map(([, code]) => Number(code));
  assert.ok(codes.length >= 20);
  const after = async (code: number) => {
    const world = new World();
    const { tab, client, of } = await signedIn(world);
    tab.socket.closed(code);
    const { status, connection } = client.snapshot();
    return [status, connection.state, of("error").length];
  };
  const expected: Record<number, unknown[]> = {
    40: ["signedOut", "idle", 0],
    41: ["signedIn", "waiting", 0],
    42: ["signedIn", "waiting", 0],
    43: ["signedIn", "closed", 1],
    10: ["signedIn", "waiting", 0],
  };
  const others = [1001, 1006, 1011, 1012, 1013];
  for (const code of [...codes, ...others]) assert.deepEqual(await after(code), expected[Math.floor(code / 100)], String(code));
  assert.deepEqual(await after(1000), ["signedIn", "closed", 0]);
});

test("every route that is called is in the hub's documents", () => {
  const documented = read("../docs/API.md").replaceAll(/\{\w+\}/g, "{}");
  let count = 0;
  for (const file of ["account", "client", "session", "signout", "oauth", "hub", "keys"]) {
    const source = read(`src/${file}.ts`).replaceAll("${ME}", "/api/users/me");
    for (const [, path = ""] of source.matchAll(/["`][A-Z]+ (\/(?:api|\.well-known)\/[^"`?]*)["`]/g)) {
      const route = path.replaceAll(/\$\{(?:segment\(\w+\)|path)\}/g, "{}").replace(/\$\{query.*$/, "");
      assert.ok(documented.includes(`\`${route}\``), route);
      count += 1;
    }
  }
  assert.ok(count > 20, "the routes were found");
});
