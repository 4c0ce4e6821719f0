// Every page in every state, dark and light, wide and narrow: axe-core finds nothing of any impact, and nothing has to be
// scrolled sideways.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { prepare, sights } from "../sights.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const WIDTHS = [1280, 360];
/** What is wrong in the markup and colours of Swagger UI, which is somebody else's. */
const NOT_OURS = { docs: ["color-contrast", "heading-order", "nested-interactive", "select-name", "target-size"] };

export default Object.fromEntries(
  Object.keys(sights).map((theme) => [`${theme}: nothing is in anybody's way`, (stage) => look(stage, theme)]),
);

async function look(stage, theme) {
  const set = await prepare(stage, theme);
  const found = [];
  let looks = 0;
  for (const [name, show] of Object.entries(sights[theme])) {
    const page = await show(set);
    // The policy of the pages lets no script in; the debugger's own way does.
    const debug = await page.context().newCDPSession(page);
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 });
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        const where = `${name}, ${colorScheme}, ${width}`;
        found.push(...(await violations(debug, name)).map((words) => `${where}: ${words}`));
        looks += 1;
      }
      const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (over > 0) found.push(`${name}, ${width}: ${over} px too wide`);
    }
    await page.context().close();
  }
  assert.deepEqual(found, [], `${found.length} faults: ${found[0]}`);
  return `, ${looks} looks`;
}

async function violations(debug, name) {
  const options = { runOnly: TAGS, resultTypes: ["violations"] };
  const expression = `${AXE};axe.run(document, ${JSON.stringify(options)}).then((found) => JSON.stringify(found.violations))`;
  const { result, exceptionDetails } = await debug.send("Runtime.evaluate", { expression, awaitPromise: true });
  if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  return JSON.parse(result.value)
    .filter(({ id }) => !NOT_OURS[name]?.includes(id))
    .map(({ impact, id, nodes }) => {
      const places = nodes.slice(0, 3).map(({ target, any }) => `${target} ${any[0]?.message ?? ""}`);
      return `${impact} ${id}: ${places.join(" | ")}`;
    });
}
