/** `portcullis-client`: sign-in, one session over all tabs, and a socket that tells what was decided. */
import { type Client, type ClientOptions } from "./client.js";
/** A client of the hub at `url`. */
export declare function createClient(options: ClientOptions): Client;
export { PortcullisError } from "./errors.js";
export { memoryStore } from "./platform.js";
export type { AccountCalls } from "./account.js";
export type { Client, ClientOptions } from "./client.js";
export type { ClientCode, ErrorCode, FieldError, ServerCode } from "./errors.js";
export type { Connection, ConnectionState, Events, HubEvent, SignedIn, SignedOut, Snapshot, } from "./events.js";
export type { Route } from "./http.js";
export type { AuthState, EndReason, Identity, Provider, Session, SiteRole, User } from "./model.js";
export type { OAuthCalls, ProviderOptions } from "./oauth.js";
export type { KeyValueStore, OpenSocket, SocketLike } from "./platform.js";
