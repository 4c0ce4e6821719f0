// src/errors.ts
var PortcullisError = class extends Error {
  name = "PortcullisError";
  retryAfterMs = 0;
  constructor(code, message = code, facts) {
    super(message);
    Object.assign(this, { code }, facts);
  }
  /** Whether the same call may succeed later: no answer, a limit, a hub that is busy, a portal in between. */
  get isTemporary() {
    return !/^4(?!08|29)/.test(`${this.status ?? 400}`);
  }
};
function toError(thrown) {
  return thrown instanceof PortcullisError ? thrown : new PortcullisError("unexpected_answer", String(thrown), { cause: thrown });
}

// src/tried.ts
function tried(run) {
  try {
    return run();
  } catch {
    return void 0;
  }
}

// src/json.ts
function readJson(text) {
  return tried(() => JSON.parse(text));
}

// src/http.ts
var PATIENCE_MS = 15e3;
var segment = encodeURIComponent;
var trimmed = (url) => url.replace(/\/+$/, "");
function createSend(base, { fetch: fetch2 }) {
  return async (route, body, { token, cookie } = {}) => {
    const [method, path] = route.split(" ");
    let response;
    let text;
    try {
      response = await fetch2(base + path, {
        method,
        headers: {
          ...body && { "Content-Type": "application/json" },
          ...token && { Authorization: `Bearer ${token}` },
          ...cookie && { "X-Portcullis-Mode": "cookie" }
        },
        body: body ? JSON.stringify(body) : null,
        credentials: cookie ? "include" : "omit",
        // React Native has no such signal, and a patience of its own.
        signal: AbortSignal.timeout?.(PATIENCE_MS)
      });
      text = await response.text();
    } catch (cause) {
      throw new PortcullisError("network", route, { status: 0, cause });
    }
    const answer = readJson(text);
    if (response.ok && (answer || !text)) return answer;
    const { status, headers: told } = response;
    const problem = answer ?? {};
    const { code = "unexpected_answer", detail, retry_after = told.get("Retry-After") } = problem;
    const retryAfterMs = Number(retry_after) * 1e3 || 0;
    throw new PortcullisError(code, detail, { ...problem, status, retryAfterMs });
  };
}

// src/account.ts
var ME = "/api/users/me";
function accountCalls({ send, session }) {
  const { call } = session;
  const list = async (route) => (await call(route)).items;
  return {
    signUp: (account) => send("POST /api/users", account),
    resendActivation: (email) => send("POST /api/auth/activate", { email }),
    activate: (token) => send(`PATCH /api/auth/activate/${segment(token)}`),
    requestRecovery: (email) => send("POST /api/auth/recovery", { email }),
    recover: (token, password) => send(`POST /api/auth/recovery/${segment(token)}`, { password }),
    confirmEmailChange: (token) => send(`POST ${ME}/email/${segment(token)}`),
    undoEmailChange: (token) => send(`POST /api/users/email-undo/${segment(token)}`),
    revokeDevice: (token) => send(`POST /api/auth/device-revoke/${segment(token)}`),
    user: () => session.user(),
    updateUser: (change) => session.user(`PATCH ${ME}`, change),
    deleteUser: (password) => call(`DELETE ${ME}`, { password }).then(() => session.lost("account_deleted")),
    changePassword: (change) => call(`POST ${ME}/password`, change),
    requestEmailChange: (change) => call(`POST ${ME}/email`, change),
    sessions: () => list(`GET ${ME}/sessions`),
    endSession: (id) => call(`DELETE ${ME}/sessions/${segment(id)}`),
    endOtherSessions: () => call(`DELETE ${ME}/sessions`),
    providers: async () => (await send("GET /api/auth/oauth")).providers,
    identities: () => list(`GET ${ME}/identities`),
    unlinkIdentity: (id) => call(`DELETE ${ME}/identities/${segment(id)}`),
    exportData: () => call(`GET ${ME}/export`),
    siteRole: () => call("GET /api/auth/site_role"),
    call
  };
}

// src/leader.ts
var ASK_EVERY_MS = 2e3;
var ANSWER_WITHIN_MS = 500;
function createLeader({ platform, tabs, name }, locks, changed) {
  let leads = false;
  let turn = 0;
  let release = () => {
  };
  let cancel = () => {
  };
  function start(steal = false) {
    stop();
    const mine = turn;
    const held = () => new Promise((give) => {
      if (mine !== turn) return give();
      release = give;
      become(true);
    });
    locks.request(`${name}:socket`, { steal }, held).catch(({ name: why }) => {
      if (mine !== turn) return;
      if (why === "AbortError") start();
      else become(true);
    });
    watch();
  }
  function stop() {
    turn += 1;
    release();
    become(false);
  }
  function watch() {
    cancel();
    cancel = platform.after(ASK_EVERY_MS, () => {
      if (!platform.isVisible()) return watch();
      tabs.tell("leads");
      cancel = platform.after(ANSWER_WITHIN_MS * (1 + platform.random()), () => start(true));
    });
  }
  function become(next) {
    cancel();
    if (next === leads) return;
    leads = next;
    changed(next);
  }
  return { isLeading: () => leads, start, stop, watch };
}

// src/backoff.ts
var CALM_MS = 6e4;
function createBackoff(platform) {
  let failures = 0;
  let calmAt = Infinity;
  let retry = { min_ms: 500, max_ms: 2e4 };
  return {
    /** An attempt has succeeded; `bounds` are what the hub says. */
    opened(bounds) {
      retry = bounds;
      calmAt = platform.now() + CALM_MS;
    },
    /** A random time up to a bound that doubles with each failure, and starts over after a minute of calm. */
    next() {
      if (platform.now() >= calmAt) failures = 0;
      calmAt = Infinity;
      return platform.random() * Math.min(retry.max_ms, retry.min_ms * 2 ** failures++);
    }
  };
}

// src/frames.ts
var SUBPROTOCOL = "portcullis.v1";
var TOKEN_SUBPROTOCOL = "portcullis.token.";
var REASONS = {
  4002: "account_disabled",
  4003: "password_changed",
  4005: "logout",
  4006: "expired"
};

// src/socket.ts
var READY_WITHIN_MS = 1e4;
var ANSWER_WITHIN_MS2 = 5e3;
function createSocket(core, openSocket, heard, changed) {
  const { platform, failed } = core;
  const backoff = createBackoff(platform);
  let state = "idle";
  let attempt = 0;
  let socket;
  let cancel = () => {
  };
  let position;
  let heardAt = 0;
  let silence = 0;
  let notBefore = 0;
  let answered;
  function read(epoch, sequence) {
    const isNew = epoch !== position?.epoch || sequence > position.sequence;
    if (isNew) position = { epoch, sequence };
    return isNew;
  }
  async function connect() {
    const mine = leave({ state: "connecting" });
    try {
      const { token, url } = await core.session.socketToken();
      if (mine === attempt) open(token, url);
    } catch (thrown) {
      if (mine === attempt) refused(toError(thrown));
    }
  }
  function open(token, url) {
    const resume = position;
    socket = openSocket(url, resume ? [SUBPROTOCOL] : [SUBPROTOCOL, TOKEN_SUBPROTOCOL + token]);
    within(READY_WITHIN_MS, wait);
    if (resume) socket.onopen = () => say({ type: "hello", token, resume });
    socket.onmessage = take;
    socket.onclose = closed;
  }
  function take({ data }) {
    const frame = readJson(data);
    if (!frame) return;
    const now = platform.now();
    heardAt = now;
    switch (frame.type) {
      case "ready": {
        const { epoch, sequence, heartbeat } = frame;
        position = { epoch, sequence };
        backoff.opened(frame.retry);
        silence = heartbeat.interval_ms + heartbeat.timeout_ms;
        notBefore = 0;
        become({ state: "open", resumed: frame.resumed });
        heard(frame, epoch);
        break;
      }
      case "state":
      case "event":
        if (position && (read(position.epoch, frame.sequence) || frame.type === "state")) heard(frame, position.epoch);
        break;
      case "signed_out":
        core.session.lost(frame.reason, frame.message);
        break;
      case "reconnect":
        notBefore = now + frame.in_ms;
        within(frame.in_ms, connect);
        break;
      case "ping":
        say({ type: "pong", version: core.snapshot().state?.version });
        break;
      case "token":
        answered?.(frame);
        break;
      case "error":
        if (!frame.id) failed(new PortcullisError(frame.code, frame.detail));
        else if (frame.code === "refresh_required") void connect();
        else answered?.();
    }
    if (state === "open" && !notBefore) within(silence, wait);
  }
  function closed({ code }) {
    const hundred = Math.floor(code / 100);
    if (hundred === 40) return core.session.lost(REASONS[code] ?? "revoked");
    if (hundred === 43) return giveUp(new PortcullisError("socket_closed", void 0, { closeCode: code }));
    if (code === 1e3) giveUp();
    else wait();
  }
  function refused(error) {
    if (error.isTemporary || error.status === 401) {
      const { retryAfterMs } = error;
      if (retryAfterMs) notBefore = platform.now() + retryAfterMs + backoff.next();
      return wait();
    }
    giveUp(error);
  }
  function giveUp(error) {
    leave({ state: "closed" });
    if (error) failed(error);
  }
  function wait() {
    const named = notBefore - platform.now();
    const retryInMs = named > 0 ? named : backoff.next();
    leave({ state: "waiting", retryInMs });
    within(retryInMs, connect);
  }
  function leave(next) {
    attempt += 1;
    cancel();
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close(1e3);
      socket = void 0;
    }
    answered?.();
    become(next);
    return attempt;
  }
  function become(next) {
    state = next.state;
    changed(next);
  }
  function within(ms, run) {
    cancel();
    cancel = platform.after(ms, run);
  }
  function say(frame) {
    socket?.send(JSON.stringify(frame));
  }
  return {
    isOpen: () => state === "open",
    read,
    connect,
    /** Disconnects and stays so; `forgets` where it stopped, or goes on from there the next time. */
    stop(forgets) {
      leave({ state: "idle" });
      notBefore = 0;
      if (forgets) position = void 0;
    },
    /** The network or the person is back: no reason to wait any longer, unless the hub asked for it. */
    wake() {
      const now = platform.now();
      const isSilent = state === "open" && now - heardAt > silence;
      if (isSilent || state === "waiting" && now >= notBefore) void connect();
    },
    /** Another access token, or `undefined` where no socket gives one. One question at a time. */
    token() {
      if (state !== "open") return void 0;
      say({ type: "token", id: 1 });
      return new Promise((resolve) => {
        answered = resolve;
        platform.after(ANSWER_WITHIN_MS2, resolve);
      });
    }
  };
}

// src/connection.ts
function createConnection(core, openSocket, shared2) {
  const { platform, tabs, life, snapshot, update } = core;
  let sessionId;
  let tellState = () => {
  };
  let forgetWake = () => {
  };
  const socket = createSocket(
    core,
    openSocket,
    (frame, epoch) => {
      const session = sessionId;
      if (session && (leader || frame.type !== "event")) {
        const tell2 = () => tabs.tell("news", session, epoch, frame);
        if (frame.type !== "event") tellState = tell2;
        tell2();
      }
      life.told(frame, epoch, true);
    },
    (connection) => {
      update({ connection });
      tell();
    }
  );
  const follows = () => leader && !leader.isLeading();
  const leader = shared2 && platform.locks ? createLeader(core, platform.locks, lead) : void 0;
  function lead(leads) {
    if (leads) return void socket.connect();
    socket.stop();
    if (sessionId) tabs.tell("who");
  }
  function tell() {
    if (leader?.isLeading()) tabs.tell("connection", snapshot().connection);
  }
  return {
    ...socket,
    /** Connects for the session `next`, or for nobody. */
    follow(next) {
      if (next === sessionId) return;
      sessionId = next;
      leader?.stop();
      socket.stop(true);
      tellState = () => {
      };
      forgetWake();
      if (!next) return;
      forgetWake = platform.onWake(socket.wake);
      (leader ? leader.start : socket.connect)();
    },
    /** Tells a tab that was opened later how things are. */
    tell() {
      tell();
      if (leader?.isLeading()) tellState();
    },
    /** Does what other tabs ask for. */
    heard: {
      news(session, epoch, frame) {
        if (session !== sessionId) return;
        const isNew = follows() && socket.read(epoch, frame.sequence);
        if (isNew || frame.type !== "event") life.told(frame, epoch, false);
      },
      leads: tell,
      connection(connection) {
        if (!sessionId || !follows()) return;
        leader?.watch();
        update({ connection });
      }
    }
  };
}

// src/events.ts
var UNKNOWN = { status: "unknown", connection: { state: "idle" } };
function createPresent() {
  let snapshot = UNKNOWN;
  let lasting = { connection: snapshot.connection };
  const listeners = /* @__PURE__ */ new Set();
  function happen(type, event) {
    for (const listener of [...listeners]) if (listener.type === type) tell(listener, event);
  }
  function deliver(listener) {
    const event = lasting[listener.type];
    if (!event || listener.told === event || !listeners.has(listener)) return;
    listener.told = event;
    tell(listener, event);
  }
  function tell(listener, event) {
    try {
      listener.call(event);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
  return {
    snapshot: () => snapshot,
    happen,
    /**
     * Replaces what differs, then tells of it. `events` are so from now on, as state and connection are: told to all, and
     * to those who come later, until an update brings others.
     */
    update(change, events = lasting) {
      const next = { ...snapshot, ...change };
      if (JSON.stringify(next) === JSON.stringify(snapshot)) return;
      snapshot = next;
      lasting = { ...events, state: next.state, connection: next.connection };
      happen("change");
      listeners.forEach(deliver);
    },
    on(type, call) {
      const listener = { type, call };
      listeners.add(listener);
      queueMicrotask(() => deliver(listener));
      return () => void listeners.delete(listener);
    }
  };
}

// src/fetch.ts
function createFetch({ platform, session, failed }, addresses) {
  const origins = addresses.map((address) => new URL(address).origin);
  const missed = (thrown) => {
    if (session.held()) failed(toError(thrown));
  };
  return async (input, init) => {
    const request = new Request(input, init);
    const { origin } = new URL(request.url);
    if (origin !== globalThis.location?.origin && !origins.includes(origin)) {
      throw new PortcullisError("foreign_origin", origin);
    }
    const attempt = (token2) => {
      const again = request.clone();
      again.headers.set("Authorization", `Bearer ${token2}`);
      return platform.fetch(again);
    };
    const token = await session.accessToken().catch(missed) ?? session.held()?.accessToken;
    if (!token) return new Response(null, { status: 401 });
    const response = await attempt(token);
    const other = response.status === 401 && await session.replaced(token).catch(missed);
    return other ? attempt(other) : response;
  };
}

// src/life.ts
function createLife(core) {
  const { platform, tabs, snapshot, update, happen } = core;
  let epoch;
  let cancel = () => {
  };
  function show(live, state, events) {
    update({ status: "signedIn", sessionId: live.sessionId, user: withState(live.user, state), state }, events);
  }
  return {
    /** The session has begun, changed, or got another access token; `here` unless another tab said so. */
    lives(live, here) {
      const { sessionId, user } = live;
      const { sessionId: before, state } = snapshot();
      if (sessionId === before) {
        show(live, state);
      } else {
        epoch = void 0;
        show(live, void 0, { signedIn: { user, sessionId } });
      }
      if (here) tabs.tell("live", live);
      core.link?.follow(sessionId);
      cancel();
      cancel = platform.after(live.until - platform.now(), () => {
        if (core.link?.isOpen()) core.session.renew().catch(() => {
        });
      });
    },
    /** It has ended, or there is none; `last` is what it was. */
    ended(last, why, here) {
      cancel();
      core.link?.follow();
      if (here && last) tabs.tell("ended", why, last.sessionId);
      update({ user: void 0, sessionId: void 0, state: void 0, status: "signedOut" }, { signedOut: why });
    },
    /** What the hub has decided. `journal` numbered it; `isOwn`: this tab's socket brought it. */
    told(frame, journal, isOwn) {
      if (frame.type === "event") return happen("event", frame);
      const { session } = core;
      const live = session.held();
      const { state } = frame;
      const { access_token, reason } = frame;
      const mine = snapshot().state;
      if (live && (!mine || epoch !== journal || state.version > mine.version)) {
        epoch = journal;
        show(live, state);
      }
      if (!isOwn) return;
      if (access_token) session.renewed(frame);
      const isKnown = reason?.startsWith("role") || live?.user.version === state.version;
      if (!isKnown) session.user().catch(() => {
      });
    },
    stop: () => cancel()
  };
}
function withState(user, state) {
  if (!state || state.version <= user.version) return user;
  const { version, role, status, email_verified } = state;
  return { ...user, version, site_role: role, status, email_verified };
}

// src/oauth.ts
var LOOK_EVERY_MS = 500;
function createOAuth({ platform, base, name, tabs, session, failed, happen }) {
  const { window } = platform;
  const { call } = session;
  const key = `${name}:oauth`;
  let returned = () => {
  };
  async function leave({ popup = false, redirectTo: redirect_to, device }, provider, isLink) {
    const target = popup ? window?.open("", "", "popup") : window;
    if (!target) throw new PortcullisError("popup_blocked");
    const code_verifier = crypto.randomUUID() + crypto.randomUUID();
    const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(code_verifier));
    const code_challenge = base64url(hash);
    const begin = { redirect_to, code_challenge };
    const path = segment(provider);
    try {
      const address = isLink ? (await call(`POST ${ME}/identities/${path}`, begin)).url : `${base}/api/auth/oauth/${path}/start?${new URLSearchParams(begin)}`;
      const attempt = { ...begin, code_verifier, device, popup, isLink };
      target.sessionStorage.setItem(key, JSON.stringify(attempt));
      target.location.href = address;
      if (!popup) return;
      await new Promise((resolve, reject) => {
        returned = (challenge, code) => {
          if (challenge === code_challenge) code ? reject(new PortcullisError(code)) : resolve();
        };
        const look = () => {
          if (target.closed && window?.document.hasFocus()) reject(new PortcullisError("popup_closed"));
          else platform.after(LOOK_EVERY_MS, look);
        };
        look();
      });
    } finally {
      if (popup) target.close();
    }
  }
  return {
    calls: {
      signInWithProvider: (provider, options) => leave(options, provider, false),
      linkIdentity: (provider, options) => leave(options, provider, true)
    },
    /** Does what other tabs ask for; a popup is one. */
    heard: { returned: (...told) => returned(...told) },
    /** Finishes what was begun in this window, if it has come back: takes off the address what that has brought. */
    async resume() {
      const attempt = readJson(window?.sessionStorage.getItem(key));
      if (!window || !attempt) return;
      window.sessionStorage.removeItem(key);
      const { href } = window.location;
      const told = new URL(href).searchParams;
      const code = told.get("code");
      const error = told.get("error");
      if (!href.startsWith(attempt.redirect_to) || !code && !error) return;
      window.history.replaceState(null, "", attempt.redirect_to);
      const { code_verifier, device, isLink } = attempt;
      let why;
      try {
        if (error) throw new PortcullisError(error);
        if (isLink) await session.find();
        await (isLink ? call : session.signIn)("POST /api/auth/oauth/exchange", { code, code_verifier, device });
        if (isLink) happen("linked");
      } catch (thrown) {
        const reason = toError(thrown);
        failed(reason);
        why = reason.code;
      }
      if (!attempt.popup) return;
      tabs.tell("returned", attempt.code_challenge, why);
      window.close();
    }
  };
}
function base64url(bytes) {
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

// src/retry.ts
function untilDone(platform, attempt, failed) {
  const backoff = createBackoff(platform);
  let isBusy = false;
  let isOver = false;
  let notBefore = 0;
  let cancel = () => {
  };
  function stop() {
    isOver = true;
    cancel();
    forgetWake();
  }
  async function run() {
    if (isBusy || platform.now() < notBefore) return;
    isBusy = true;
    cancel();
    const error = await attempt().then(() => void 0, toError);
    if (isOver) return;
    if (!error?.isTemporary) {
      stop();
      if (error) failed(error);
      return;
    }
    const { retryAfterMs } = error;
    notBefore = platform.now() + retryAfterMs;
    cancel = platform.after(retryAfterMs + backoff.next(), run);
    isBusy = false;
  }
  const forgetWake = platform.onWake(run);
  void run();
  return stop;
}

// src/shared.ts
function shared(run) {
  let running;
  return (...parameters) => running ??= run(...parameters).finally(() => {
    running = void 0;
  });
}

// src/session.ts
var TABS_ANSWER_WITHIN_MS = 50;
function createSession(core) {
  const { platform, send, tokens, tabs } = core;
  const { cookie } = tokens;
  let live;
  let ended;
  let turn = 0;
  let restoring;
  async function accessToken() {
    const { accessToken: accessToken2, until } = signedIn();
    return platform.now() < until ? accessToken2 : (await renew()).accessToken;
  }
  const renew = shared(async () => {
    const fresh = await core.link?.token();
    return fresh ? renewed(fresh) : refresh();
  });
  async function refresh() {
    signedIn();
    return restore();
  }
  const restore = shared(() => restoring = spend(turn));
  async function spend(asked) {
    const proof = await tokens.present();
    const since = platform.now();
    const ask = () => send("POST /api/auth/refresh", proof, { cookie });
    const again = (error) => {
      if (error.status || asked !== turn) throw error;
      return ask();
    };
    const answer = proof ? await ask().catch(again).catch(toError) : new PortcullisError("not_signed_in");
    if (asked !== turn) return signedIn();
    if (!(answer instanceof PortcullisError)) {
      await tokens.keep(answer.refresh_token, proof);
      return begin(answer, since);
    }
    if (answer.status === 401 || !proof) {
      const stored = await tokens.present();
      if (stored?.refresh_token !== proof?.refresh_token) return spend(asked);
      await tokens.keep(void 0, proof);
      const { code } = answer;
      const known = code === "session_revoked" ? "revoked" : code === "invalid_token" || live ? "expired" : "none";
      end({ reason: code === "refresh_reused" ? code : known });
    }
    throw answer;
  }
  async function replaced(refused) {
    const { accessToken: accessToken2 } = signedIn();
    return accessToken2 === refused ? (await refresh()).accessToken : accessToken2;
  }
  async function call(route, body) {
    const attempt = (token2) => send(route, body, { token: token2 });
    const token = await accessToken();
    return attempt(token).catch(async (error) => {
      if (error.status !== 401) throw error;
      return attempt(await replaced(token));
    });
  }
  function renewed(fresh) {
    return take(fresh, signedIn(), true);
  }
  function end(why, sessionId = live?.sessionId, here = true) {
    const last = live;
    if (sessionId !== last?.sessionId) return;
    live = void 0;
    turn += 1;
    ended = last?.sessionId ?? ended;
    core.life.ended(last, why, here);
  }
  function begin(pair, since) {
    return take(pair, { sessionId: pair.session_id, user: pair.user, since }, false);
  }
  function take({ access_token: accessToken2, expires_in }, whose, fromSocket) {
    return set({ ...whose, accessToken: accessToken2, until: platform.now() + expires_in * 900, fromSocket });
  }
  function set(next, here = true) {
    if (next.sessionId !== live?.sessionId) turn += 1;
    live = next;
    core.life.lives(next, here);
    return next;
  }
  function signedIn() {
    if (live) return live;
    throw new PortcullisError("not_signed_in");
  }
  return {
    held: () => live,
    accessToken,
    renew,
    replaced,
    call,
    renewed,
    end,
    /** Signs in by a route whose answer is a token pair. */
    async signIn(route, body) {
      await core.signingOut.settled();
      await restoring?.catch(() => {
      });
      const since = platform.now();
      const pair = await send(route, body, { cookie });
      if (cookie) await tokens.removeTombstone();
      else await tokens.keep(pair.refresh_token);
      return begin(pair, since).user;
    },
    /** Who is signed in: another tab knows, or the hub. */
    async find() {
      if (await tokens.present()) {
        tabs.tell("who");
        await new Promise((resume) => platform.after(TABS_ANSWER_WITHIN_MS, resume));
      }
      if (!live) await restore();
    },
    /** A socket token. What was minted over a socket gives none. */
    async socketToken() {
      if (live?.fromSocket) await refresh();
      return call("GET /api/auth/socket");
    },
    /** The person's record, asked for, and changed by another `route`. */
    async user(route = "GET /api/users/me", change) {
      const record = await call(route, change);
      if (live?.user.id === record.id) set({ ...live, user: record });
      return record;
    },
    /** Another tab has this session. */
    adopt(theirs) {
      const isNewer = !live ? theirs.sessionId !== ended : live.sessionId === theirs.sessionId ? theirs.until >= live.until : theirs.since > live.since;
      if (isNewer) set(theirs, false);
    },
    /** The session is over, and the hub knows. */
    lost(reason, message) {
      void tokens.keep();
      end({ reason, message });
    }
  };
}

// src/signout.ts
function createSignOut({ platform, send, tokens, failed }) {
  let stop = () => {
  };
  const tell = shared(async (token) => {
    const tombstone = await tokens.tombstone();
    if (!tombstone) return;
    await send("POST /api/auth/logout", tombstone, { token, cookie: tokens.cookie }).catch((error) => {
      if (error.status !== 401) throw error;
    });
    await tokens.removeTombstone();
  });
  const settled = () => tell().catch(() => {
  });
  return {
    settled,
    /** Sends what a tombstone says, if there is one; `token`, an access token of that session, proves it as well. */
    finish(token) {
      stop();
      stop = untilDone(platform, () => tell(token), failed);
      return settled();
    },
    stop: () => stop()
  };
}

// src/storage.ts
function createTokens(store, name, cookie, failed) {
  const tokenKey = `${name}:refresh_token`;
  const graveKey = `${name}:signed_out`;
  const refused = /* @__PURE__ */ new Map();
  async function attempt(run) {
    try {
      return await run();
    } catch (cause) {
      failed(new PortcullisError("storage_refused", String(cause), { cause }));
      return void 0;
    }
  }
  async function read(key) {
    return refused.has(key) ? refused.get(key) : attempt(() => store.getItem(key));
  }
  function write(key, value) {
    refused.set(key, value);
    return attempt(async () => {
      await (value ? store.setItem(key, value) : store.removeItem(key));
      refused.delete(key);
    });
  }
  async function present() {
    if (cookie) return await tombstone() ? void 0 : {};
    const token = await read(tokenKey);
    return token ? { refresh_token: token } : void 0;
  }
  const tombstone = async () => readJson(await read(graveKey));
  const removeTombstone = () => write(graveKey);
  return {
    /** Whether requests are of cookie mode. */
    cookie,
    present,
    tombstone,
    removeTombstone,
    /** Keeps `token`, or none, in place of any other, or of `spent` alone. */
    async keep(token, spent) {
      if (!spent || await read(tokenKey) === spent.refresh_token) await write(tokenKey, token);
    },
    /** Forgets the session, and notes that the hub has to be told. */
    async bury(scope) {
      const proof = await present();
      if (!proof) return;
      await write(graveKey, JSON.stringify({ scope, ...proof }));
      await write(tokenKey);
    }
  };
}

// src/tabs.ts
function createTabs(openChannel, name, heard) {
  const channel = tried(() => openChannel?.(name));
  if (channel) {
    channel.onmessage = ({ data: [type, ...told] }) => {
      heard()[type]?.(...told);
    };
  }
  return {
    tell: (...message) => tried(() => channel?.postMessage(message)),
    close: () => channel?.close()
  };
}

// src/client.ts
function createClientOn(platform, options) {
  const base = trimmed(options.url);
  const name = `portcullis:${base}`;
  const { storage, tabs: sharing, socket: openSocket = platform.openSocket, apiOrigins = [] } = options;
  const present = createPresent();
  const { snapshot, on } = present;
  const failed = (error) => present.happen("error", error);
  const tokens = createTokens(storage ?? platform.store, name, !storage, failed);
  const tabs = createTabs(sharing === "alone" ? void 0 : platform.openChannel, name, () => heard);
  const core = { platform, base, name, send: createSend(base, platform), tokens, ...present, failed, tabs };
  const life = core.life = createLife(core);
  const session = core.session = createSession(core);
  const signOut = core.signingOut = createSignOut(core);
  const connection = core.link = openSocket ? createConnection(core, openSocket, sharing === "share") : void 0;
  const oauth = createOAuth(core);
  const account = accountCalls(core);
  const known = new Promise((told) => {
    on("signedIn", told);
    on("signedOut", told);
  });
  let begun = false;
  let stopRestoring = () => {
  };
  const heard = {
    ...connection?.heard,
    ...oauth.heard,
    live: session.adopt,
    ended: (...told) => session.end(...told, false),
    who() {
      const live = session.held();
      if (live && platform.now() < live.until) tabs.tell("live", live);
      connection?.tell();
    }
  };
  async function restore() {
    await oauth.resume();
    await session.find().catch((thrown) => {
      if (snapshot().status === "unknown") throw thrown;
    });
  }
  function start() {
    if (begun) return;
    begun = true;
    void signOut.finish();
    stopRestoring = untilDone(platform, restore, (error) => {
      failed(error);
      session.end({ reason: "none" });
    });
  }
  if (options.autoStart ?? "window" in globalThis) queueMicrotask(start);
  return {
    ...account,
    ...oauth.calls,
    start,
    ready: () => known.then(snapshot),
    close() {
      begun = true;
      stopRestoring();
      life.stop();
      signOut.stop();
      connection?.follow();
      tabs.close();
    },
    snapshot,
    subscribe: (changed) => on("change", changed),
    on,
    signIn: (who) => session.signIn("POST /api/auth", who),
    async signOut({ scope = "session" } = {}) {
      if (scope === "others") return account.endOtherSessions();
      stopRestoring();
      const token = session.held()?.accessToken;
      session.end({ reason: "logout" });
      await tokens.bury(scope);
      await signOut.finish(token);
    },
    accessToken: session.accessToken,
    fetch: createFetch(core, [base, ...apiOrigins])
  };
}

// src/platform.ts
function memoryStore() {
  const items = /* @__PURE__ */ new Map();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => items.set(key, value),
    removeItem: (key) => items.delete(key)
  };
}
function thisPlatform() {
  const { WebSocket, BroadcastChannel, document, navigator, window } = globalThis;
  const isVisible = () => document?.visibilityState !== "hidden";
  return {
    fetch: (...request) => fetch(...request),
    // Node's says that it is a browser and not of which origin, so hubs refuse it.
    openSocket: window && WebSocket && ((url, protocols) => new WebSocket(url, protocols)),
    // Node's would keep the process alive.
    openChannel: document && BroadcastChannel && ((name) => new BroadcastChannel(name)),
    locks: document && navigator.locks,
    // React Native has a window, and no page in it. Where stores are forbidden, their mere mention throws.
    window: document && tried(() => sessionStorage) && window,
    // Node has a localStorage of its own, shared by everybody whom a server serves.
    store: (document && tried(() => localStorage)) ?? memoryStore(),
    now: () => Date.now(),
    random: () => Math.random(),
    after(ms, run) {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
    onWake(run) {
      if (!document) return () => void 0;
      const wake = () => isVisible() && run();
      const forgotten = new AbortController();
      for (const type of ["online", "visibilitychange"]) window.addEventListener(type, wake, forgotten);
      return () => forgotten.abort();
    },
    isVisible
  };
}

// src/index.ts
function createClient(options) {
  return createClientOn(thisPlatform(), options);
}
export {
  PortcullisError,
  createClient,
  memoryStore
};
