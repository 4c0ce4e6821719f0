/** The hub's public keys: fetched when they are needed, kept for as long as the hub allows. */
import { type KeyObject } from "node:crypto";
import type { Send } from "./http.js";
export declare function createKeys(send: Send, now: () => number): (kid: string) => Promise<KeyObject | undefined>;
