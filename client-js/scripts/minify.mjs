// Makes the browser file small: bundled and its private names shortened by esbuild, then minified by UglifyJS.

import { readFileSync } from "node:fs";
import { build } from "esbuild";
import { fileURLToPath } from "node:url";
import { minify } from "uglify-js";

const SOURCES = fileURLToPath(new URL("../src/", import.meta.url));

/**
 * Names of properties that nobody but the client's own parts reads. None is in a frame, an answer, a stored item or a
 * message between tabs, none is the browser's, and none is offered to applications. `test/browser.test.ts` runs the
 * file that comes of it.
 */
const PRIVATE = `
  adopt after base bury calls changed connect cookie end failed find finish follow happen heard held isLeading
  isOpen isVisible keep life link lives lost next onWake openChannel openSocket opened platform present read
  removeTombstone renew renewed replaced session settled signingOut socketToken stop store tell told tokens tombstone update wake watch
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
    minifySyntax: true,
    mangleProps: new RegExp(`^(${PRIVATE.join("|")})$`),
  });
  const { code, error } = minify(bundle.outputFiles[0].text, {
    module: true,
    // Inlining less, and keeping `let`, leaves more code and fewer bytes of it gzipped. Nothing compared is NaN.
    compress: {
      passes: 10,
      hoist_funs: true,
      inline: 1,
      keep_fargs: false,
      pure_getters: true,
      unsafe_comps: true,
      varify: false,
    },
    mangle: { toplevel: true },
  });
  if (error) throw error;
  return code;
}
