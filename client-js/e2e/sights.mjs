// Every page in every state worth looking at, for scenarios/accessibility.mjs and screenshots.mjs: by theme, then by
// name. Each gives back the page when it stands there; `open` makes one in a browser of its own.

import { BOSS, PASSWORD } from "./hub.mjs";
import { atAccount, fillIn, linkTo, part, press, sees, signIn } from "./people.mjs";
import { ADA, agreeThere, GRACE, HOPPER, openHubWithProvider } from "./provider.mjs";

const OTHER = "eight geese at the lake";
const spent = (path, button, fields = {}) => async ({ open }) => {
  const page = await open(`${path}nobody`);
  await fillIn(page, fields, button);
  await sees(page, "This link has been used");
  return page;
};
const at = (path) => ({ open }) => open(path);

/** What production asks for. */
const PRODUCTION = {
  PORTCULLIS_ENV: "production",
  PORTCULLIS_MAIL__TRANSPORT: "smtp",
  PORTCULLIS_MAIL__SMTP_URL: "smtp://127.0.0.1:9",
  PORTCULLIS_SECRETS__MASTER: "not a secret, as it stands in a public file",
  PORTCULLIS_LIMITS__ENABLED: "true",
  PORTCULLIS_PASSWORDS__MEMORY_KIB: "19456",
  PORTCULLIS_PASSWORDS__ITERATIONS: "2",
};

/** As many buttons as most sites have; nobody goes to these here. */
const KNOWN = Object.fromEntries(
  ["GOOGLE", "YANDEX", "GITHUB"].flatMap((id) =>
    ["CLIENT_ID", "CLIENT_SECRET"].map((field) => [`PORTCULLIS_OAUTH__${id}__${field}`, "x"]),
  ),
);
const WITH_ACME = "Continue with Acme";

/** What the sights of `theme` are shown on: hubs, somebody with an account, and browsers with `options`. */
export async function prepare(stage, theme, options = {}) {
  const { openHub, openDevice: openAny } = stage;
  const hub = await (theme === "providers" ? openHubWithProvider(stage, KNOWN) : openHub());
  const isAround = theme === "around it";
  const openDevice = (hub, more) => openAny(hub, { ...options, ...more });
  return {
    hub,
    /** One without an admin, and without letters. */
    empty: isAround && (await openHub()),
    production: isAround && (await openHub(PRODUCTION)),
    ada: await hub.person(),
    openDevice,
    open: async (address) => (await openDevice(hub)).visit(address),
  };
}

export const sights = {
  "signing in": {
    "sign-in": at("/sign-in"),
    async "sign-in-empty"({ open }) {
      const page = await open("/sign-in");
      await press(page, "Sign in");
      await sees(page, "Fill this in.");
      return page;
    },
    async "sign-in-wrong"({ open, ada }) {
      const page = await open("/sign-in");
      await signIn(page, { ...ada, password: OTHER });
      await sees(page, "The address or the password is wrong.");
      return page;
    },
    async "sign-in-inactive"({ open, hub }) {
      const newcomer = { email: "newcomer@example.org", password: PASSWORD };
      await hub.call("POST /api/users", newcomer);
      const page = await open("/sign-in");
      await signIn(page, newcomer);
      await sees(page, "This account is not active yet");
      return page;
    },
    async "sign-in-present"({ openDevice, hub, ada }) {
      const page = await atAccount(await openDevice(hub), ada);
      await page.goto("/sign-in");
      await sees(page, "You are signed in as");
      return page;
    },
    async "sign-in-elsewhere"({ open, hub }) {
      const page = await open(`${hub.url.replace("127.0.0.1", "localhost")}/sign-in`);
      await sees(page, "This page works at the hub's public address alone:");
      return page;
    },
    "sign-up": at("/sign-up"),
    async "sign-up-weak"({ open }) {
      const page = await open("/sign-up");
      await fillIn(page, { "E-mail address": "somebody@example.org", Password: "password1234" }, "Sign up");
      await page.locator("#password-fault").filter({ visible: true }).waitFor();
      return page;
    },
    async "sign-up-done"({ open }) {
      const page = await open("/sign-up");
      await fillIn(page, { "E-mail address": "somebody@example.org", Password: PASSWORD }, "Sign up");
      await sees(page, "We have written to");
      await press(page, "Mail me the link again");
      await sees(page, "A letter is on its way");
      return page;
    },
    forgot: at("/forgot"),
    async "forgot-done"({ open, ada }) {
      const page = await open("/forgot");
      await fillIn(page, { "E-mail address": ada.email }, "Mail me a link");
      await sees(page, "a letter is on its way");
      return page;
    },
  },

  account: {
    async account({ openDevice, hub, ada }) {
      await atAccount(await openDevice(hub, { userAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0" }), ada);
      const page = await atAccount(await openDevice(hub), ada);
      await sees(page, "Sign all other devices out");
      return page;
    },
    async "account-refused"({ openDevice, hub, ada }) {
      const page = await atAccount(await openDevice(hub), ada);
      await press(page, "Save");
      await sees(page, "Saved.");
      await fillIn(part(page, "Password"), { "Present password": OTHER, "New password": OTHER }, "Change the password");
      await sees(page, "The present password is wrong.");
      await press(part(page, "E-mail address"), "Change the address");
      await sees(page, "Fill this in.");
      await page.getByText("Delete the account").click();
      return page;
    },
    async "account-offline"({ openDevice, hub, ada }) {
      const device = await openDevice(hub);
      const page = await atAccount(device, ada);
      await device.context.setOffline(true);
      await fillIn(part(page, "Profile"), {}, "Save");
      await sees(page, "The server cannot be reached.");
      return page;
    },
    async "account-ended"({ openDevice, hub, ada }) {
      const page = await atAccount(await openDevice(hub), ada);
      await press(page, "Sign out");
      await sees(page, "You are signed out");
      return page;
    },
  },

  providers: {
    "sign-in-providers": at("/sign-in"),
    "sign-up-providers": at("/sign-up"),
    async "sign-in-denied"({ open }) {
      const page = await open("/sign-in");
      await press(page, WITH_ACME);
      await agreeThere(page, ADA, "Deny");
      await sees(page, "You have not agreed there.");
      return page;
    },
    "stopped-stray": at("/api/auth/oauth/acme/callback?state=nobody&code=nothing"),
    "stopped-invalid": at("/api/auth/oauth/acme/start?redirect_to=https%3A%2F%2Fevil.example%2F&code_challenge=short"),
    async "account-identities"({ openDevice, hub, ada }) {
      const page = await atAccount(await openDevice(hub), ada);
      await press(part(page, "Ways to sign in"), "Link Acme");
      await agreeThere(page, GRACE);
      await sees(page, "From now on you can sign in with it as well.");
      return page;
    },
    async "account-last-credential"({ open }) {
      const page = await open("/sign-in");
      await press(page, WITH_ACME);
      await agreeThere(page, HOPPER);
      await page.waitForURL("**/account");
      await press(part(page, "Ways to sign in"), `Unlink: Acme ${HOPPER.email}`);
      await sees(page, "This is the only way to sign in that you have.");
      return page;
    },
  },

  "mailed links": {
    activation: at("/activate/x"),
    "activation-spent": spent("/activate/", "Activate my account"),
    async "activation-done"({ open, hub }) {
      const email = "grace@example.org";
      await hub.call("POST /api/users", { email, password: PASSWORD });
      const page = await open(await linkTo(hub, email, "/activate/"));
      await press(page, "Activate my account");
      await sees(page, "Your account is active.");
      return page;
    },
    recovery: at("/recovery/x"),
    async "recovery-weak"({ open, hub, ada }) {
      await hub.call("POST /api/auth/recovery", { email: ada.email });
      const page = await open(await linkTo(hub, ada.email, "/recovery/"));
      await fillIn(page, { "New password": "short" }, "Set the new password");
      await page.locator("#password-fault").filter({ visible: true }).waitFor();
      return page;
    },
    "recovery-spent": spent("/recovery/", "Set the new password", { "New password": OTHER }),
    async "recovery-done"({ open, hub }) {
      const { email } = await hub.person("hedy");
      await hub.call("POST /api/auth/recovery", { email });
      const page = await open(await linkTo(hub, email, "/recovery/"));
      await fillIn(page, { "New password": OTHER }, "Set the new password");
      await sees(page, "Your new password is set.");
      return page;
    },
    email: at("/email/x"),
    "email-spent": spent("/email/", "Confirm the address"),
    "email-undo": at("/email-undo/x"),
    "email-undo-spent": spent("/email-undo/", "It was not me"),
    device: at("/device/x"),
    "device-spent": spent("/device/", "It was not me"),
    async "email-done"({ open, openDevice, hub }) {
      const person = await hub.person("katherine");
      const account = await atAccount(await openDevice(hub), person);
      const fields = { "New e-mail address": "kate@example.org", "Present password": person.password };
      await fillIn(part(account, "E-mail address"), fields, "Change the address");
      const page = await open(await linkTo(hub, "kate@example.org", "/email/"));
      await press(page, "Confirm the address");
      await sees(page, "This is the address of your account now.");
      return page;
    },
    async "email-undo-done"({ open, hub }) {
      const page = await open(await linkTo(hub, "katherine@example.org", "/email-undo/"));
      await press(page, "It was not me");
      await sees(page, "Your account has its old address");
      return page;
    },
  },

  "around it": {
    setup: async ({ open, empty }) => open(`${empty.url}${await empty.setup()}`),
    async "setup-weak"({ open, empty }) {
      const page = await open(`${empty.url}${await empty.setup()}`);
      await fillIn(page, { "E-mail address": BOSS.email, Password: "short" }, "Make the admin");
      await page.locator("#password-fault").filter({ visible: true }).waitFor();
      return page;
    },
    async "setup-done"({ open, empty }) {
      const page = await open(`${empty.url}${await empty.setup()}`);
      await fillIn(page, { "E-mail address": BOSS.email, Password: BOSS.password }, "Make the admin");
      await sees(page, "The admin is active.");
      return page;
    },
    "mailbox-empty": ({ open, empty }) => open(`${empty.url}/dev/mailbox`),
    async mailbox({ open, hub, ada }) {
      await hub.call("POST /api/auth/recovery", { email: ada.email });
      await hub.letter(ada.email, "/recovery/");
      return open("/dev/mailbox");
    },
    home: ({ open, production }) => open(production.url),
    problem: at("/problems/invalid_credentials"),
    async docs({ open }) {
      const page = await open("/api/docs");
      await page.getByText("/api/revocations").first().waitFor();
      return page;
    },
  },

  demo: {
    demo: at("/"),
    async "demo-signed-in"({ open }) {
      const page = await open("/");
      await press(page, "Sign somebody up");
      await sees(page, "is signed in on both devices.");
      await sees(page.locator("[data-device=phone] [data-frames]"), "ready");
      return page;
    },
    async "demo-managed"({ open, hub }) {
      await hub.manage("GET /api/roles");
      const page = await open("/");
      await press(page, "Sign somebody up");
      await sees(page, "is signed in on both devices.");
      await press(page.locator("[data-device=phone]"), "Pull the network");
      await fillIn(page, { "E-mail address": BOSS.email, Password: BOSS.password }, "Sign in as a manager");
      await page.getByLabel("New role").selectOption("moderator");
      await press(page, "Give this role");
      await sees(page, "has the role moderator now.");
      return page;
    },
    async "demo-refused"({ open, hub, ada }) {
      await hub.manage("GET /api/roles");
      const page = await open("/");
      await press(page.locator("[data-device=laptop]"), "Sign in");
      await sees(page, "Sign somebody up first.");
      await fillIn(page, { "E-mail address": ada.email, Password: ada.password }, "Sign in as a manager");
      await sees(page, "This account may not manage roles.");
      return page;
    },
  },
};
