/** The object in `text`, or `undefined` where there is none: a page of a proxy, a number, a broken line. */
export function readObject(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
