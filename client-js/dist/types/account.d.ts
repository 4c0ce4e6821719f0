/** What is one request each: accounts, the links of letters, and one's own sessions. */
import type { Core } from "./core.js";
import { type Route } from "./http.js";
import type { Identity, Provider, Session, SiteRole, User } from "./model.js";
export interface AccountCalls {
    /** Asks for an account; the answer is the same whether or not the address has one. A letter activates it. */
    signUp(account: {
        readonly email: string;
        readonly password: string;
        readonly name?: string;
    }): Promise<void>;
    /** Sends the activation letter again, at most once a minute. */
    resendActivation(email: string): Promise<void>;
    /** Uses the link of an activation letter up. Does not sign in. */
    activate(token: string): Promise<void>;
    /** Mails a link for choosing another password. */
    requestRecovery(email: string): Promise<void>;
    /** Uses that link up; every session of the person ends. */
    recover(token: string, password: string): Promise<void>;
    /** Uses up the link that the new address got; every session ends but the one that asked. */
    confirmEmailChange(token: string): Promise<void>;
    /** Uses up the link that the old address got: it is the account's again. Every session ends. */
    undoEmailChange(token: string): Promise<void>;
    /** Uses up the link of a letter about a new device ("this was not me"); its session ends. */
    revokeDevice(token: string): Promise<void>;
    user(): Promise<User>;
    updateUser(change: {
        readonly name: string | null;
    }): Promise<User>;
    /** Erases the account and signs out. `password` is left out where the account has none. */
    deleteUser(password?: string): Promise<void>;
    /** Every other session ends. `current_password` is left out where the account has none. */
    changePassword(change: {
        readonly current_password?: string;
        readonly new_password: string;
    }): Promise<void>;
    /** Mails both addresses; nothing changes until the new one confirms. */
    requestEmailChange(change: {
        readonly email: string;
        readonly password?: string;
    }): Promise<void>;
    /** The person's sessions, the newest first. */
    sessions(): Promise<readonly Session[]>;
    endSession(id: string): Promise<void>;
    /** Ends all but this one. */
    endOtherSessions(): Promise<void>;
    /** By which providers one can sign in. */
    providers(): Promise<readonly Provider[]>;
    /** The accounts at providers by which the person can sign in. */
    identities(): Promise<readonly Identity[]>;
    /** Refused as `last_credential` where nothing else would sign in. */
    unlinkIdentity(id: string): Promise<void>;
    /** All that the hub has stored about the person. */
    exportData(): Promise<Readonly<Record<string, unknown>>>;
    /** Role and permissions as they are at this moment; the snapshot has them while the socket is open. */
    siteRole(): Promise<SiteRole>;
    /**
     * Any other route of the hub, such as those of management: as the person who is signed in. The hub's `docs/API.md` has
     * them all.
     */
    call<Answer>(route: Route, body?: object): Promise<Answer>;
}
/** The person who is signed in. */
export declare const ME = "/api/users/me";
export declare function accountCalls({ send, session }: Core): AccountCalls;
