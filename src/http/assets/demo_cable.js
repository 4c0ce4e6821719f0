// The network between a device of the demonstration and the hub: it can be pulled, and it shows what passes.
//
// The client takes `fetch` and `WebSocket` as it finds them. So each device is told that the hub stands at an address
// of its own, which no network has; what goes there comes by here.

import { base } from "./hub.js";

const cables = new Map();
const plainFetch = globalThis.fetch;
const PlainSocket = globalThis.WebSocket;

globalThis.fetch = async (input, init) => {
  const request = new Request(input, init);
  const { hostname, pathname, search } = new URL(request.url);
  const cable = cables.get(hostname);
  if (!cable) return plainFetch(request);
  if (cable.isPulled()) throw new TypeError("the network is pulled");
  const { method, headers, signal } = request;
  const body = method === "GET" ? undefined : await request.text();
  return plainFetch(base + pathname + search, { method, headers, body, signal, credentials: "omit", cache: "no-store" });
};

/** A cable for the device `name`; `saw` is called with a direction ("in", "out", "closed") and what passed. */
export function layCable(name, saw = () => {}) {
  let pulled = false;
  const open = new Set();

  class Socket extends PlainSocket {
    constructor(url, protocols) {
      super(url, protocols);
      open.add(this);
      this.addEventListener("message", ({ data }) => saw("in", data));
      this.addEventListener("close", ({ code, reason }) => {
        if (open.delete(this)) saw("closed", `${code} ${reason}`);
      });
    }

    send(data) {
      saw("out", data);
      super.send(data);
    }

    /** As a wire that is cut: no farewell to anybody, and nothing more is heard. */
    cut() {
      open.delete(this);
      const { onclose } = this;
      this.onopen = this.onmessage = this.onclose = null;
      this.close();
      saw("closed", "1006");
      onclose?.call(this, { code: 1006 });
    }
  }

  const cable = {
    url: `http://${name}.invalid`,
    isPulled: () => pulled,
    /** Runs `create` where the only `WebSocket` is that of this cable. */
    around(create) {
      globalThis.WebSocket = Socket;
      try {
        return create();
      } finally {
        globalThis.WebSocket = PlainSocket;
      }
    },
    pull() {
      pulled = true;
      for (const socket of [...open]) socket.cut();
    },
    plug() {
      pulled = false;
      // What a browser says when the network is back.
      globalThis.dispatchEvent(new Event("online"));
    },
  };
  cables.set(`${name}.invalid`, cable);
  return cable;
}
