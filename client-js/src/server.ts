/** `portcullis-client/server`: for backends on Node. */

import { createHubOn, type Hub, type HubOptions } from "./hub.js";
import { thisPlatform } from "./platform.js";

/** The hub at `url`. */
export function createHub(options: HubOptions): Hub {
  return createHubOn(thisPlatform(), options);
}

export { PortcullisError } from "./errors.js";
export { bearer } from "./hub.js";
export type { Claims } from "./claims.js";
export type { ErrorCode, FieldError } from "./errors.js";
export type { Hub, HubOptions, Introspection, Receipt, Revocation, RevokeOptions, Whose } from "./hub.js";
export type { SiteRole } from "./model.js";
