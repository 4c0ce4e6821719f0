/** What is one request each: accounts, the links of letters, and one's own sessions. */

import type { Core } from "./core.js";
import { type Route, segment } from "./http.js";
import type { List, Session, User } from "./model.js";

export interface AccountCalls {
  /** Asks for an account; the answer is the same whether or not the address has one. A letter activates it. */
  signUp(account: { readonly email: string; readonly password: string; readonly name?: string }): Promise<void>;
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

  user(): Promise<User>;
  updateUser(change: { readonly name: string | null }): Promise<User>;
  /** Erases the account and signs out. `password` is left out where the account has none. */
  deleteUser(password?: string): Promise<void>;
  /** Every other session ends. `current_password` is left out where the account has none. */
  changePassword(change: { readonly current_password?: string; readonly new_password: string }): Promise<void>;
  /** Mails both addresses; nothing changes until the new one confirms. */
  requestEmailChange(change: { readonly email: string; readonly password?: string }): Promise<void>;
  /** The person's sessions, the newest first. */
  sessions(): Promise<readonly Session[]>;
  /** Ends one; `signOut({ scope: "others" })` ends all the others. */
  endSession(id: string): Promise<void>;
  /**
   * Any other route of the hub, such as `GET /api/users/me/export`, or those of management: as the person who is signed
   * in. The hub's `docs/API.md` has them all.
   */
  call<Answer>(route: Route, body?: unknown): Promise<Answer>;
}

const ME = "/api/users/me";

export function accountCalls({ send, session }: Core): AccountCalls {
  const { call } = session;
  return {
    signUp: (account) => send("POST /api/users", account),
    resendActivation: (email) => send("POST /api/auth/activate", { email }),
    activate: (token) => send(`PATCH /api/auth/activate/${segment(token)}`),
    requestRecovery: (email) => send("POST /api/auth/recovery", { email }),
    recover: (token, password) => send(`POST /api/auth/recovery/${segment(token)}`, { password }),
    confirmEmailChange: (token) => send(`POST ${ME}/email/${segment(token)}`),

    user: () => session.user(),
    updateUser: (change) => session.user(`PATCH ${ME}`, change),
    deleteUser: (password) => call(`DELETE ${ME}`, { password }).then(() => session.lost("account_deleted")),
    changePassword: (change) => call(`POST ${ME}/password`, change),
    requestEmailChange: (change) => call(`POST ${ME}/email`, change),
    sessions: async () => (await call<List<Session>>(`GET ${ME}/sessions`)).items,
    endSession: (id) => call(`DELETE ${ME}/sessions/${segment(id)}`),
    call,
  };
}
