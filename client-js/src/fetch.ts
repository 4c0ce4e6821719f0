/** `fetch` with the access token, for the application's own backends. */

import type { Core } from "./core.js";
import { PortcullisError } from "./errors.js";

/** Beside the page's own origin, those of `addresses` get the token. Nobody else does. */
export function createFetch({ platform, session }: Core, addresses: readonly string[]): typeof globalThis.fetch {
  const origins = addresses.map((address) => new URL(address).origin);

  return async (input, init) => {
    const request = new Request(input, init);
    const { origin } = new URL(request.url);
    if (origin !== globalThis.location?.origin && !origins.includes(origin)) {
      throw new PortcullisError("foreign_origin", origin);
    }
    const attempt = async (token: string) => {
      // A body can be sent once only.
      const again = request.clone();
      again.headers.set("Authorization", `Bearer ${token}`);
      const response = await platform.fetch(again);
      if (response.status === 401) throw response;
      return response;
    };
    return session.withToken(attempt).catch((thrown: unknown) => {
      if (thrown instanceof Response) return thrown;
      throw thrown;
    });
  };
}
