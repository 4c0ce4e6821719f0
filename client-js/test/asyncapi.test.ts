/** The frames of `docs/asyncapi.yaml` are those of the client's types, field for field, and those of `docs/PROTOCOL.md`. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parse } from "yaml";

interface Schema {
  readonly $ref?: string;
  readonly const?: string;
  readonly enum?: readonly string[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
}

interface Document {
  readonly operations: Record<"hear" | "tell", { readonly messages: readonly { readonly $ref: string }[] }>;
  readonly components: {
    readonly messages: Record<string, { readonly name: string; readonly payload: Schema }>;
    readonly schemas: Record<string, Schema>;
  };
}

const read = (path: string) => readFileSync(path, "utf8");
const document = parse(read("../docs/asyncapi.yaml")) as Document;
const { messages, schemas } = document.components;
const frames = read("src/frames.ts");

/** The fields of an interface, `?` after those that may be left out. Those of `Position` where it extends that. */
function fieldsOf(source: string, name: string): string[] {
  const [, extended, body = ""] = new RegExp(`interface ${name}( extends Position)? \\{(.*?)\\n\\}`, "s").exec(source) ?? [];
  const own = [...body.matchAll(/^ {2}readonly (\w+)(\??):/gm)].map(([, field, mark]) => `${field}${mark}`);
  return [...own, ...(extended ? fieldsOf(source, "Position") : [])].sort();
}

const fieldsIn = ({ properties = {}, required = [] }: Schema) =>
  Object.keys(properties).map((field) => (required.includes(field) ? field : `${field}?`)).sort();

test("what the hub says is what the client's types say", () => {
  const types = { ready: "Ready", state: "StateFrame", event: "EventFrame", signed_out: "SignedOutFrame", token: "TokenFrame", error: "ErrorFrame" };
  // Of no use to this client.
  const ignored: Record<string, string[]> = { error: ["retry_after_ms?"] };
  for (const [name, type] of Object.entries(types)) {
    const expected = fieldsIn(messages[name]?.payload ?? {}).filter((field) => !ignored[name]?.includes(field));
    assert.deepEqual(fieldsOf(frames, type), expected, name);
  }
  const [, inline = ""] = /export type ServerFrame =(.*?);\n\n/s.exec(frames) ?? [];
  for (const name of ["reconnect", "ping"]) {
    const [, line = ""] = new RegExp(`\\{ (readonly type: "${name}"[^}]*) \\}`).exec(inline) ?? [];
    const fields = [...line.matchAll(/readonly (\w+):/g)].map(([, field]) => field).sort();
    assert.deepEqual(fields, fieldsIn(messages[name]?.payload ?? {}), name);
  }
});

test("states and reasons are those of the client's types", () => {
  const model = read("src/model.ts");
  assert.deepEqual(fieldsOf(model, "AuthState"), fieldsIn(schemas["State"] ?? {}));
  assert.deepEqual(fieldsOf(frames, "Position"), fieldsIn(schemas["Position"] ?? {}));
  const [, union = ""] = /export type EndReason =([^;]+);/.exec(model) ?? [];
  const reasons = [...union.matchAll(/"(\w+)"/g)].map(([, reason]) => reason);
  assert.deepEqual(reasons.sort(), [...(schemas["EndReason"]?.enum ?? [])].sort());
});

test("every frame of the protocol is there, in its direction", () => {
  const protocol = read("../docs/PROTOCOL.md");
  for (const [operation, heading] of [["hear", "What the client says"], ["tell", "What the server says"]] as const) {
    const section = protocol.split(`## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
    const named = [...section.matchAll(/^### `(\w+)`/gm)].map(([, name]) => name);
    const told = document.operations[operation].messages.map(({ $ref }) => messages[$ref.split("/").at(-1) ?? ""]);
    assert.deepEqual(told.map((message) => message?.name).sort(), named.sort());
    for (const message of told) assert.equal(message?.payload.properties?.["type"]?.const, message?.name);
  }
});
