// Makes the browser file small: bundled, private names shortened, then minified by terser, which leaves less code, and
// by swc, whose names gzip better.

import { readFileSync } from "node:fs";
import { minify as rename } from "@swc/core";
import { build } from "esbuild";
import { fileURLToPath } from "node:url";
import { minify as reduce } from "terser";

const SOURCES = fileURLToPath(new URL("../src/", import.meta.url));

/**
 * Names of properties that nobody but the client's own parts reads. None is in a frame, an answer, a stored item or a
 * message between tabs, none is the browser's, and none is offered to applications. `test/browser.test.ts` runs the
 * file that comes of it.
 */
const PRIVATE = `
  adopt after base bury calls changed connect cookie end failed find finish follow forget happen heard held isLeading
  isOpen isVisible keep life lives lost next onWake openChannel openSocket opened platform present read removeTombstone
  renew renewed session settled socketToken stop store tell told tokens tombstone update wake watch withToken
`.trim().split(/\s+/);

/** Where names are written that others read as well. */
const PUBLIC = ["frames.ts", "model.ts", "errors.ts"];

/** The module `source`, in TypeScript beside those of `src/`, as one minified file. */
export async function minified(source) {
  for (const file of PUBLIC) {
    const text = readFileSync(SOURCES + file, "utf8");
    const shared = PRIVATE.find((name) => new RegExp(`readonly ${name}\\b`).test(text));
    if (shared) throw new Error(`${shared} is no private name: src/${file} has it`);
  }
  const bundle = await build({
    stdin: { contents: source, loader: "ts", resolveDir: SOURCES },
    bundle: true,
    write: false,
    target: "es2022",
    legalComments: "none",
    format: "esm",
    mangleProps: new RegExp(`^(${PRIVATE.join("|")})$`),
  });
  const compress = {
    passes: 10,
    unsafe_arrows: true,
    unsafe_methods: true,
    hoist_funs: true,
    hoist_props: true,
    keep_fargs: false,
    pure_getters: true,
  };
  const reduced = await reduce(bundle.outputFiles[0].text, { module: true, ecma: 2022, compress, mangle: false });
  const renamed = await rename(reduced.code, {
    module: true,
    compress: { passes: 3, ecma: 2022, unsafe_arrows: true, unsafe_methods: true, hoist_funs: true },
    mangle: { toplevel: true },
  });
  return renamed.code;
}
