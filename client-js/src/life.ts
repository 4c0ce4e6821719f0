/** What the application is shown of the session: how it begins and ends, and what the hub tells of it. */

import type { Core } from "./core.js";
import type { Events, SignedOut } from "./events.js";
import type { News, StateFrame } from "./frames.js";
import type { AuthState, User } from "./model.js";
import type { FreshToken, Live } from "./session.js";

export function createLife(core: Core) {
  const { platform, tabs, snapshot, update, happen } = core;
  /** The journal that numbered the state, so that its versions compare. */
  let epoch: string | undefined;
  let cancel = () => {};

  function show(live: Live, state: AuthState | undefined, events?: Pick<Events, "signedIn">): void {
    update({ status: "signedIn", sessionId: live.sessionId, user: withState(live.user, state), state }, events);
  }

  return {
    /** The session has begun, changed, or got another access token; `here` unless another tab said so. */
    lives(live: Live, here: boolean): void {
      const { sessionId, user } = live;
      const { sessionId: before, state } = snapshot();
      if (sessionId === before) {
        show(live, state);
      } else {
        epoch = undefined;
        show(live, undefined, { signedIn: { user, sessionId } });
      }
      if (here) tabs.tell("live", live);
      core.link?.follow(sessionId);
      cancel();
      // While the socket is open it replaces the token. When that fails, whoever needs one asks again.
      cancel = platform.after(live.until - platform.now(), () => {
        if (core.link?.isOpen()) core.session.renew().catch(() => {});
      });
    },

    /** It has ended, or there is none; `last` is what it was. */
    ended(last: Live | undefined, why: SignedOut, here: boolean): void {
      cancel();
      core.link?.follow();
      if (here && last) tabs.tell("ended", why, last.sessionId);
      update({ user: undefined, sessionId: undefined, state: undefined, status: "signedOut" }, { signedOut: why });
    },

    /** What the hub has decided. `journal` numbered it; `isOwn`: this tab's socket brought it. */
    told(frame: News, journal: string, isOwn: boolean): void {
      if (frame.type === "event") return happen("event", frame);
      const { session } = core;
      const live = session.held();
      const { state } = frame;
      const { access_token, reason } = frame as Partial<StateFrame>;
      const mine = snapshot().state;
      // One of another journal is newer whatever its number.
      if (live && (!mine || epoch !== journal || state.version > mine.version)) {
        epoch = journal;
        show(live, state);
      }
      if (!isOwn) return;
      if (access_token) session.renewed(frame as FreshToken);
      // Name and address are in no state. Everybody with a role may get another one at once, and none of that in it.
      const isKnown = reason?.startsWith("role") || live?.user.version === state.version;
      if (!isKnown) session.user().catch(() => {});
    },

    stop: () => cancel(),
  };
}

export type Life = ReturnType<typeof createLife>;

/** The person's record with what the state says newer of it. */
function withState(user: User, state: AuthState | undefined): User {
  if (!state || state.version <= user.version) return user;
  const { version, role, status, email_verified } = state;
  return { ...user, version, site_role: role, status, email_verified };
}
