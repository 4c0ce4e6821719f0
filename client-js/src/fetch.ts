/** `fetch` with the access token, for the application's own backends. */

import { PortcullisError } from "./errors.js";
import type { Platform } from "./platform.js";
import type { Session } from "./session.js";

export interface FetchParts {
  readonly platform: Platform;
  readonly session: Session;
  /** Addresses whose origins get the token, beside the page's own. Nobody else does. */
  readonly addresses: readonly string[];
}

export function createFetch({ platform, session, addresses }: FetchParts): typeof globalThis.fetch {
  const origins = addresses.map((address) => new URL(address).origin);
  const sendWith = (request: Request, token: string) => {
    request.headers.set("Authorization", `Bearer ${token}`);
    return platform.fetch(request);
  };

  return async (input, init) => {
    const request = new Request(input, init);
    const { origin } = new URL(request.url);
    if (origin !== globalThis.location?.origin && !origins.includes(origin)) {
      throw new PortcullisError("foreign_origin", `${origin} is not in apiOrigins`);
    }
    // Its body can be sent once only.
    const again = request.clone();
    const token = await session.accessToken();
    const response = await sendWith(request, token);
    if (response.status !== 401) return response;
    try {
      const other = await session.instead(token);
      void response.body?.cancel();
      return await sendWith(again, other);
    } catch (error) {
      // Signed out, or no answer: then this 401 is what there is to say.
      if (error instanceof PortcullisError) return response;
      throw error;
    }
  };
}
