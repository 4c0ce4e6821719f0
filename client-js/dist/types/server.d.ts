/** `portcullis-client/server`: for backends on Node. */
import { type Hub, type HubOptions } from "./hub.js";
/** The hub at `url`. */
export declare function createHub(options: HubOptions): Hub;
export { PortcullisError } from "./errors.js";
export { bearer } from "./hub.js";
export type { Claims } from "./claims.js";
export type { ErrorCode, FieldError } from "./errors.js";
export type { Hub, HubOptions, Introspection, Receipt, Revocation, RevokeOptions, Whose } from "./hub.js";
export type { SiteRole } from "./model.js";
