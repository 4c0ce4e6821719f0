// What a bundler does with the examples in TypeScript, by esbuild.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { compileScript, parse } from "vue/compiler-sfc";

/** The hub that the pages speak to: that of `cargo run`. */
export const HUB = "http://127.0.0.1:8080";

const PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><title>An example</title>
<div id="app"></div><script type="module" src="/app.js"></script></html>`;

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

const vue = {
  name: "vue",
  setup({ onLoad }) {
    onLoad({ filter: /\.vue$/ }, ({ path }) => {
      const { descriptor } = parse(readFileSync(path, "utf8"), { filename: path });
      const { content } = compileScript(descriptor, { id: path, inlineTemplate: true });
      return { contents: content, loader: "ts" };
    });
  },
};

/** The module `path` with all that it imports, for a page. */
async function bundled(path) {
  const { outputFiles } = await build({
    entryPoints: [at(path)],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    plugins: [vue],
    alias: { react: at("node_modules/react") }, // portcullis-client is a link to a folder that has one of its own
    define: { __VUE_OPTIONS_API__: "false", __VUE_PROD_DEVTOOLS__: "false", __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "false" },
    logLevel: "warning",
  });
  return outputFiles[0].text;
}

/** A server, not listening yet, of the page of `name`, which speaks to the hub at `hub`. */
export async function pageServer(name, hub = () => HUB) {
  const entries = { react: "react/app.tsx", vue: "vue/main.ts", "five-minutes": "snippets/five-minutes.ts" };
  const script = entries[name] && (await bundled(entries[name]));
  const page = script ? PAGE : readFileSync(at(`${name}/index.html`), "utf8");
  return createServer(({ url }, response) => {
    const [type, text] = url === "/app.js" ? ["text/javascript", script ?? ""] : ["text/html", page];
    response.setHeader("Content-Type", `${type}; charset=utf-8`).end(text.replaceAll(HUB, hub()));
  });
}

/** Builds the program of `name` for Node; gives its file. */
export async function program(name) {
  const entries = { express: "express/server.ts", node: "node/server.ts", watch: "node/watch.ts" };
  const outfile = at(`node_modules/.cache/${name}.mjs`);
  const options = { bundle: true, packages: "external", format: "esm", platform: "node", target: "node20" };
  await build({ entryPoints: [at(entries[name])], outfile, ...options, logLevel: "warning" });
  return outfile;
}
