/** `fetch` with the access token, for the application's own backends. */

import type { Core } from "./core.js";
import { PortcullisError, toError } from "./errors.js";

/** Beside the page's own origin, those of `addresses` get the token. Nobody else does. */
export function createFetch(
  { platform, session, failed }: Core,
  addresses: readonly string[],
): typeof globalThis.fetch {
  const origins = addresses.map((address) => new URL(address).origin);

  /** No other token: a session that is over has been told of as `signedOut`; everything else is an error. */
  const missed = (thrown: unknown) => {
    if (session.held()) failed(toError(thrown));
  };

  return async (input, init) => {
    const request = new Request(input, init);
    const { origin } = new URL(request.url);
    if (origin !== globalThis.location?.origin && !origins.includes(origin)) {
      throw new PortcullisError("foreign_origin", origin);
    }
    const attempt = (token: string) => {
      // A body can be sent once only.
      const again = request.clone();
      again.headers.set("Authorization", `Bearer ${token}`);
      return platform.fetch(again);
    };
    // One that could not be replaced in time may still be good.
    const token = (await session.accessToken().catch(missed)) ?? session.held()?.accessToken;
    if (!token) return new Response(null, { status: 401 });
    const response = await attempt(token);
    const other = response.status === 401 && (await session.replaced(token).catch(missed));
    return other ? attempt(other) : response;
  };
}
