// node e2e/screenshots.mjs FOLDER [WORD…]     pictures of every page in every state (or of those
// whose names have one of the words): light and dark, wide and narrow.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { launch } from "./browser.mjs";
import { prepare, sights } from "./sights.mjs";
import { Stage } from "./stage.mjs";

const [folder, ...words] = process.argv.slice(2);
if (!folder) {
  console.error("npm run screenshots -- FOLDER [WORD…]");
  process.exit(2);
}
mkdirSync(folder, { recursive: true });

const browser = await launch();
const stage = new Stage(browser);
for (const [theme, shown] of Object.entries(sights)) {
  const chosen = Object.entries(shown).filter(([name]) => words.length === 0 || words.some((word) => name.includes(word)));
  if (chosen.length === 0) continue;
  const set = await prepare(stage, theme);
  for (const [name, show] of chosen) {
    const page = await show(set);
    for (const width of [1280, 360]) {
      await page.setViewportSize({ width, height: 900 });
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        const path = join(folder, `${name}-${colorScheme}-${width}.png`);
        await page.screenshot({ path, fullPage: true });
      }
    }
    await page.context().close();
    console.log(name);
  }
}
await stage.close();
await browser.close();
