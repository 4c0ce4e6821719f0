// A page that is none of the hub's: of another site, or of the same one beside it.

import { once } from "node:events";
import { createServer } from "node:http";

/** Serves an empty page on a port of its own: `site` by a name that is another site than 127.0.0.1, `beside` by that. */
export class Elsewhere {
  static async open() {
    const elsewhere = new Elsewhere();
    elsewhere.server = createServer((_, response) => {
      response.setHeader("Content-Type", "text/html").end("<!doctype html><title>Elsewhere</title><p>Elsewhere");
    });
    // By both families: what `localhost` means is the machine's to say.
    elsewhere.server.listen(0, "::");
    await once(elsewhere.server, "listening");
    const { port } = elsewhere.server.address();
    elsewhere.site = `http://localhost:${port}/`;
    elsewhere.beside = `http://127.0.0.1:${port}/`;
    return elsewhere;
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }
}
