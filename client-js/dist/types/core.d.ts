/**
 * The parts of one client. They know each other, and in circles: the socket asks the session for tokens, the session
 * the socket. So each is given all of them; `client.ts` makes them, and none calls another before all are there.
 */
import type { Connect } from "./connection.js";
import type { PortcullisError } from "./errors.js";
import type { Present } from "./events.js";
import type { Send } from "./http.js";
import type { Life } from "./life.js";
import type { Platform } from "./platform.js";
import type { Session } from "./session.js";
import type { SignOut } from "./signout.js";
import type { Tokens } from "./storage.js";
import type { Tabs } from "./tabs.js";
export interface Core extends Present {
    readonly platform: Platform;
    /** The hub's address, without a slash at its end. */
    readonly base: string;
    /** What channels, locks and stored items of this client are called. */
    readonly name: string;
    readonly send: Send;
    readonly tokens: Tokens;
    /** Tells of an error that nobody can be thrown. */
    readonly failed: (error: PortcullisError) => void;
    readonly tabs: Tabs;
    life: Life;
    session: Session;
    signingOut: SignOut;
    /** Without it there is no socket. */
    link?: Connect | undefined;
}
