// A provider to sign in with: the certified one of tests/oidc_provider, a process of its own, and what people do at its pages.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CLIENT = { client_id: "hub", client_secret: "what the provider gave to the hub" };
const JSON_TYPE = { "Content-Type": "application/json" };

/** Who has an account there. */
export const ADA = { sub: "ada", email: "ada@example.org", email_verified: true, name: "Ada Lovelace" };
export const GRACE = { sub: "grace", email: "grace@example.net", email_verified: true, name: "Grace" };
export const HOPPER = { sub: "hopper", email: "hopper@example.net", email_verified: true, name: "Hopper" };
export const HEDY = { sub: "hedy", email: "hedy@example.net", email_verified: false, name: "Hedy" };

class Provider {
  /** What it has complained about. */
  log = [];

  static async open() {
    const provider = new Provider();
    const options = JSON.stringify({ ...CLIENT, accounts: [ADA, GRACE, HEDY, HOPPER] });
    const command = ["tests/oidc_provider", "node", "provider.mjs", options];
    provider.process = spawn("scripts/with-node", command, { cwd: ROOT, stdio: "pipe" });
    const said = createInterface(provider.process.stderr);
    said.on("line", (line) => provider.log.push(line));
    const [line] = await once(createInterface(provider.process.stdout), "line");
    provider.address = JSON.parse(line).address;
    return provider;
  }

  /** Lets it send browsers back to `hub`. */
  async admit(hub) {
    const redirect_uri = `${hub.url}/api/auth/oauth/acme/callback`;
    const init = { method: "POST", headers: JSON_TYPE, body: JSON.stringify({ redirect_uri }) };
    const { ok, status } = await fetch(`${this.address}/__configure`, init);
    if (!ok) throw new Error(`the provider is not configured: ${status}`);
  }

  /** It ends with its standard input. */
  async close() {
    const gone = once(this.process, "exit");
    this.process.stdin.end();
    await gone;
  }
}

/** A hub where people sign in with Acme; `settings`: more variables of its environment. */
export async function openHubWithProvider({ openHub, use }, settings = {}) {
  const provider = use(await Provider.open());
  const hub = await openHub({
    PORTCULLIS_OAUTH__ACME__NAME: "Acme",
    PORTCULLIS_OAUTH__ACME__ISSUER: provider.address,
    PORTCULLIS_OAUTH__ACME__CLIENT_ID: CLIENT.client_id,
    PORTCULLIS_OAUTH__ACME__CLIENT_SECRET: CLIENT.client_secret,
    ...settings,
  });
  await provider.admit(hub);
  return hub;
}

/** Fills in the provider's forms: signs in there as `sub`, and answers `Allow` or `Deny`. */
export async function agreeThere(page, { sub }, answer = "Allow") {
  await nameThere(page, { sub });
  await page.getByRole("button", { name: answer }).click();
}

/** The first of the forms, and the only one for who has agreed before. */
export async function nameThere(page, { sub }) {
  await page.getByLabel("Account").fill(sub);
  await page.getByRole("button", { name: "Sign in" }).click();
}
