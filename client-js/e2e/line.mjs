// The line between a browser and a hub. It can go dark: nothing passes any more, and nobody is told.

import { once } from "node:events";
import { connect, createServer } from "node:net";

export class Line {
  #open = new Set();
  #isDark = false;

  /** A line to nowhere yet: the hub is told its address first, then `to` is set. */
  static async lay() {
    const line = new Line();
    // What is held back is not lost, as in the network.
    line.server = createServer({ pauseOnConnect: true }, (near) => line.#join(near)).listen(0, "127.0.0.1");
    await once(line.server, "listening");
    line.url = `http://127.0.0.1:${line.server.address().port}`;
    return line;
  }

  #join(near) {
    const [host, port] = this.to.split(":");
    const far = connect({ host, port, allowHalfOpen: false });
    for (const [one, other] of [[near, far], [far, near]]) {
      this.#open.add(one);
      one.on("data", (bytes) => other.write(bytes));
      one.on("error", () => other.destroy());
      one.on("close", () => {
        this.#open.delete(one);
        other.destroy();
      });
      if (this.#isDark) one.pause();
      else one.resume();
    }
  }

  goDark() {
    this.#isDark = true;
    for (const socket of this.#open) socket.pause();
  }

  comeBack() {
    this.#isDark = false;
    for (const socket of this.#open) socket.resume();
  }

  close() {
    for (const socket of this.#open) socket.destroy();
    this.server.close();
  }
}
