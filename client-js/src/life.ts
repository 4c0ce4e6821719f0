/** What the application is shown of the session: how it begins and ends, and what the hub tells of it. */

import type { Core } from "./core.js";
import { NOBODY, type SignedOut } from "./events.js";
import type { News } from "./frames.js";
import type { AuthState, User } from "./model.js";
import type { Live } from "./session.js";

export function createLife(core: Core) {
  const { platform, tabs } = core;
  const { snapshot, update, happen } = core.present;
  /** The journal that numbered the state, so that its versions compare. */
  let epoch: string | undefined;
  let cancel = () => {};

  /** Takes a state that is newer; one of another journal is newer whatever its number. */
  function accept(state: AuthState, journal: string): void {
    const { state: mine, user } = snapshot();
    if (mine && epoch === journal && state.version <= mine.version) return;
    epoch = journal;
    update({ state, user: user && withState(user, state) });
  }

  return {
    /** The session has begun, changed, or got another access token; `here` unless another tab said so. */
    lives(live: Live, here: boolean): void {
      const { sessionId } = live;
      const isNew = sessionId !== snapshot().sessionId;
      const state = isNew ? undefined : snapshot().state;
      const user = withState(live.user, state);
      if (isNew) epoch = undefined;
      update({ status: "signedIn", sessionId, user, state }, isNew ? { signedIn: { user, sessionId } } : undefined);
      if (here) tabs.tell("live", live);
      core.connection?.follow(sessionId);
      cancel();
      // While the socket is open it replaces the token. When that fails, whoever needs one asks again.
      cancel = platform.after(live.until - platform.now(), () => {
        if (core.connection?.isOpen()) core.session.renew().catch(() => {});
      });
    },

    /** It has ended, or there is none; `last` is what it was. */
    ended(last: Live | undefined, why: SignedOut, here: boolean): void {
      cancel();
      core.connection?.follow();
      if (here && last) tabs.tell("ended", last.sessionId, why);
      update({ ...NOBODY, status: "signedOut" }, { signedOut: why });
    },

    /** What the hub has decided. `journal` numbered it; `isOwn`: this tab's socket brought it. */
    told(frame: News, journal: string, isOwn: boolean): void {
      if (frame.type === "event") return happen("event", frame);
      accept(frame.state, journal);
      if (!isOwn || frame.type !== "state") return;
      const { session } = core;
      const { access_token, expires_in, reason } = frame;
      if (access_token && expires_in) session.renewed({ access_token, expires_in });
      // The state does not say which address it is now.
      if (reason === "email_changed") session.user().catch(() => {});
    },

    stop: () => cancel(),
  };
}

export type Life = ReturnType<typeof createLife>;

/** The person's record with what the state says newer of it. */
function withState(user: User, state: AuthState | undefined): User {
  return state && state.version > user.version ? { ...user, site_role: state.role, version: state.version } : user;
}
