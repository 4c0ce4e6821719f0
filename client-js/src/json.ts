/** What the JSON in `text` says; `undefined` where it says nothing, or is a page of a proxy. */
export function readJson(text: string): unknown {
  try {
    return JSON.parse(text) || undefined;
  } catch {
    return undefined;
  }
}
