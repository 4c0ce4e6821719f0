/** The hooks where there is no browser; `examples/react` is run in one. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { createClient } from "portcullis-client";
import { PortcullisProvider, usePermission, useSnapshot } from "portcullis-client/react";

test("on a server nothing is known yet", () => {
  const client = createClient({ url: "https://auth.example.org" });
  function Account() {
    return `${useSnapshot().status}, ${usePermission("orders:write")}`;
  }
  const page = createElement(PortcullisProvider, { client }, createElement(Account));
  assert.equal(renderToString(page), "unknown, undefined");
});
