// Builds `dist/`: modules with types for bundlers, and the one browser file in its two forms.
//
//     node scripts/build.mjs           writes dist/
//     node scripts/build.mjs --check   fails when dist/ is not what the source builds

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { minified } from "./minify.mjs";

/** What the browser file may take, in bytes, gzipped. */
const BUDGET = 6 * 1024;

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const isCheck = process.argv.includes("--check");
const out = isCheck ? mkdtempSync(join(tmpdir(), "portcullis-client-")) : join(root, "dist");

const source = (name) => join(root, "src", name);
const common = { bundle: true, target: "es2022", legalComments: "none", logLevel: "warning", absWorkingDir: root };

if (!isCheck) rmSync(out, { recursive: true, force: true });
await build({
  ...common,
  entryPoints: [source("index.ts"), source("react.ts")],
  outdir: out,
  format: "esm",
  platform: "neutral",
  external: ["react"],
});
await build({ ...common, entryPoints: [source("server.ts")], outdir: out, format: "esm", platform: "node" });
writeFileSync(join(out, "client.js"), await minified('export * from "./index.js";'));
const script = await minified('import * as Portcullis from "./index.js"; globalThis.Portcullis = { ...Portcullis };');
writeFileSync(join(out, "client.global.js"), `(() => {${script}})();`);
const tsc = join(root, "node_modules", ".bin", "tsc");
execFileSync(tsc, ["-p", join(root, "tsconfig.types.json"), "--outDir", join(out, "types")], { stdio: "inherit" });

const size = gzipSync(readFileSync(join(out, "client.js")), { level: 9 }).length;
console.log(`client.js: ${size} bytes gzipped, of ${BUDGET}`);
if (size > BUDGET) fail("the browser file is over its budget");

if (isCheck) {
  const built = filesOf(out);
  const committed = filesOf(join(root, "dist"));
  const names = new Set([...built.keys(), ...committed.keys()]);
  const differ = [...names].filter((name) => built.get(name) !== committed.get(name));
  rmSync(out, { recursive: true });
  if (differ.length > 0) fail(`dist/ is not what the source builds: ${differ.join(", ")}; run npm run build`);
}

function filesOf(folder) {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = names.map((entry) => join(entry.parentPath ?? entry.path, entry.name));
  return new Map(paths.map((path) => [path.slice(folder.length + 1), readFileSync(path, "utf8")]));
}

function fail(why) {
  console.error(why);
  process.exit(1);
}
