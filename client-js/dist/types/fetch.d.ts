/** `fetch` with the access token, for the application's own backends. */
import type { Core } from "./core.js";
/** Beside the page's own origin, those of `addresses` get the token. Nobody else does. */
export declare function createFetch({ platform, session, failed }: Core, addresses: readonly string[]): typeof globalThis.fetch;
