// node e2e/run.mjs [WORD…]     runs the scenarios whose names have one of the words.
//
// Each file of scenarios/ is a theme. A scenario has a hub and a device of its own; the browser is the same for all.

import { readdirSync } from "node:fs";
import { launch } from "./browser.mjs";
import { Stage } from "./stage.mjs";

/** How many run at a time; most of a scenario is waiting. */
const LANES = 3;
const PATIENCE_MS = 180_000;
/** How much of a failure stands on its line. */
const WORDS = 250;

const themes = readdirSync(new URL("scenarios/", import.meta.url)).sort();
const scenarios = [];
for (const file of themes) {
  const { default: theme, begins = false } = await import(`./scenarios/${file}`);
  const named = Object.entries(theme).map(([name, run]) => ({ name: `${file.replace(".mjs", "")}: ${name}`, run }));
  // What takes long begins first.
  scenarios[begins ? "unshift" : "push"](...named);
}

const words = process.argv.slice(2);
const isMeant = (name) => words.length === 0 || words.some((word) => name.toLowerCase().includes(word.toLowerCase()));
const chosen = scenarios.filter(({ name }) => isMeant(name));
if (chosen.length === 0) {
  console.log(`not ok  no scenario has ${words.join(" or ")} in its name`);
  process.exit(1);
}
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(130));

const browser = await launch();
const begun = Date.now();
let failures = 0;
const waiting = [...chosen];
const lane = async () => {
  for (let next = waiting.shift(); next; next = waiting.shift()) await run(next);
};
await Promise.all(Array.from({ length: LANES }, lane));
await browser.close();
console.log(`${chosen.length - failures} of ${chosen.length} scenarios, ${seconds(begun)} s`);
process.exit(failures > 0 ? 1 : 0);

async function run({ name, run }) {
  const started = Date.now();
  const stage = new Stage(browser);
  let error;
  let notes;
  try {
    notes = await within(PATIENCE_MS, run(stage));
    if (stage.faults.length > 0) throw new Error(`in a page: ${stage.faults.join("; ")}`);
  } catch (thrown) {
    error = thrown;
  }
  const { log } = stage;
  await stage.close().catch((thrown) => (error ??= thrown));
  if (!error) return console.log(`ok      ${name} (${seconds(started)} s)${notes ?? ""}`);
  failures += 1;
  const rest = [error.stack, error.cause?.stack, ...log].filter(Boolean).join("\n");
  const first = String(error.message).replaceAll(/\s+/g, " ").slice(0, WORDS);
  console.log(`not ok  ${name}: ${first}\n${rest.replaceAll(/^/gm, "        ")}`);
}

function within(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`took more than ${ms} ms`)), ms)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function seconds(since) {
  return ((Date.now() - since) / 1000).toFixed(1);
}
