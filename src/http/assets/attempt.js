// What a browser may refuse, such as to keep something.

/** What `act` gives; nothing where it is refused: then the page does without. */
export function attempt(act) {
  try {
    return act();
  } catch {
    return undefined;
  }
}
