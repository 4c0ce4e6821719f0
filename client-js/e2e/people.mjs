// What people do at the hub's pages, by the words that stand there (English).

/** Types into the fields with these labels, and presses the button; all of it inside `place`, a page or a part of one. */
export async function fillIn(place, fields, button) {
  for (const [label, typed] of Object.entries(fields)) await place.getByLabel(label, { exact: true }).fill(typed);
  if (button) await press(place, button);
}

export async function press(place, name) {
  await ready("page" in place ? place.page() : place);
  await place.getByRole("button", { name, exact: true }).click();
}

/** Waits until the page's scripts have run, which may be after `load`: before, a click is not heard. */
export async function ready(page) {
  await page.evaluate(async () => {
    for (const { src } of document.querySelectorAll("script[type=module]")) await import(src);
  });
}

/** The form, or the card, with this heading. */
export const part = (page, heading) =>
  page.locator("form, section, .card").filter({ has: page.getByRole("heading", { name: heading, exact: true }) }).last();

/** Waits until these words stand there, to the letter or by a pattern, and can be seen. */
export function sees(place, words) {
  const pattern = words instanceof RegExp ? words : new RegExp(words.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return place.getByText(pattern).filter({ visible: true }).first().waitFor();
}

export const signIn = (page, { email, password }) =>
  fillIn(page, { "E-mail address": email, Password: password }, "Sign in");

/** A tab of `device` at the account page of `person`. */
export async function atAccount(device, person) {
  const page = await device.visit("/sign-in");
  await signIn(page, person);
  await page.waitForURL("**/account");
  await sees(page, "this device");
  return page;
}

/** The path of the first link in the newest letter to `email` that leads to `kind`, as `/activate/`. */
export async function linkTo(hub, email, kind) {
  const { links } = await hub.letter(email, kind);
  return new URL(links.find((link) => link.includes(kind))).pathname;
}
