/** Waits until `isSo()`, which may be a promise, and gives back what it said; a look that throws counts as a no. */
export async function until(what, isSo, ms = 45_000) {
  const deadline = Date.now() + ms;
  let last;
  for (;;) {
    const found = await Promise.resolve()
      .then(isSo)
      .catch((error) => void (last = error));
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`in ${ms} ms did not happen: ${what}`, { cause: last });
    await new Promise((resume) => setTimeout(resume, 20));
  }
}
