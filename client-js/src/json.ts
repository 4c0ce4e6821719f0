import { tried } from "./tried.js";

/** What the JSON in `text` says; `undefined` where there is none, or it is a page of a proxy. */
export function readJson(text?: string | null): unknown {
  return tried(() => JSON.parse(text as string) as unknown);
}
