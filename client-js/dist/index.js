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
    const { status = 400 } = this;
    return status < 400 || status === 408 || status === 429 || status >= 500;
  }
};
function toError(thrown) {
  return thrown instanceof PortcullisError ? thrown : new PortcullisError("unexpected_answer", String(thrown), { cause: thrown });
}

// src/json.ts
function readJson(text) {
  try {
    return JSON.parse(text) || void 0;
  } catch {
    return void 0;
  }
}

// src/http.ts
var PATIENCE_MS = 15e3;
var segment = encodeURIComponent;
var trimmed = (url) => url.replace(/\/+$/, "");
function createSend(base, platform) {
  return (route, body, { token, cookie } = {}) => {
    const headers = {};
    if (body) headers["Content-Type"] = "application/json";
    if (token) headers["Authorization"] = `Bearer ${token}`;
    if (cookie) headers["X-Portcullis-Mode"] = "cookie";
    return exchange(base, platform, route, {
      headers,
      credentials: cookie ? "include" : "omit",
      body: body ? JSON.stringify(body) : null
    });
  };
}
async function exchange(base, platform, route, init) {
  const [method, path] = route.split(" ");
  let response;
  let text;
  try {
    response = await platform.fetch(base + path, {
      method,
      // React Native has no such signal, and a patience of its own.
      signal: AbortSignal.timeout?.(PATIENCE_MS),
      ...init
    });
    text = await response.text();
  } catch (cause) {
    throw new PortcullisError("network", route, { status: 0, cause });
  }
  const answer = readJson(text);
  if (response.ok && (answer || !text)) return answer;
  throw refusal(response, answer);
}
function refusal({ status }, problem = {}) {
  const { code = "unexpected_answer", detail, retry_after = 0 } = problem;
  return new PortcullisError(code, detail, { ...problem, status, retryAfterMs: retry_after * 1e3 });
}

// src/account.ts
var ME = "/api/users/me";
function accountCalls({ send, session }) {
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
    sessions: async () => (await call(`GET ${ME}/sessions`)).items,
    endSession: (id) => call(`DELETE ${ME}/sessions/${segment(id)}`),
    call
  };
}

// src/leader.ts
var ASK_EVERY_MS = 2e3;
var ANSWER_WITHIN_MS = 500;
function createLeader(platform, locks, name, ask, changed) {
  let leads = false;
  let turn = 0;
  let release = () => {
  };
  let cancel = () => {
  };
  function start(steal = false) {
    const mine = turn;
    const held = () => new Promise((give) => {
      if (mine !== turn) return give();
      release = give;
      cancel();
      become(true);
    });
    const lost = () => {
      if (mine !== turn) return;
      stop();
      start();
    };
    locks.request(name, { steal }, held).then(lost, lost);
    watch();
  }
  function stop() {
    turn += 1;
    cancel();
    release();
    become(false);
  }
  function watch() {
    cancel();
    cancel = platform.after(ASK_EVERY_MS, () => {
      if (!platform.isVisible()) return watch();
      ask();
      cancel = platform.after(ANSWER_WITHIN_MS * (1 + platform.random()), () => {
        stop();
        start(true);
      });
    });
  }
  function become(next) {
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
  let openedAt = Number.POSITIVE_INFINITY;
  let least = 500;
  let most = 2e4;
  return {
    /** An attempt has succeeded; `min` and `max` are what the hub says. */
    opened(min, max) {
      least = min;
      most = max;
      openedAt = platform.now();
    },
    /** A random time up to a bound that doubles with each failure, and starts over after a minute of calm. */
    next() {
      if (platform.now() - openedAt >= CALM_MS) failures = 0;
      openedAt = Number.POSITIVE_INFINITY;
      const bound = Math.min(most, least * 2 ** failures);
      failures += 1;
      return platform.random() * bound;
    }
  };
}

// src/frames.ts
var SUBPROTOCOL = "portcullis.v1";
var TOKEN_SUBPROTOCOL = "portcullis.token.";
function afterClose(code) {
  const hundred = Math.floor(code / 100);
  if (hundred === 40) return "signed_out";
  if (hundred === 43) return "error";
  return code === 1e3 ? "closed" : "reconnect";
}

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
  function stop(forgets) {
    leave({ state: "idle" });
    notBefore = 0;
    if (forgets) position = void 0;
  }
  function read(epoch, sequence) {
    const isNew = epoch !== position?.epoch || sequence > position.sequence;
    if (isNew) position = { epoch, sequence };
    return isNew;
  }
  function wake() {
    const now = platform.now();
    const isSilent = state === "open" && now - heardAt > silence;
    if (isSilent || state === "waiting" && now >= notBefore) void connect();
  }
  function token() {
    if (state !== "open") return void 0;
    say({ type: "token", id: 1 });
    return new Promise((resolve, reject) => {
      answered = (frame) => {
        if (frame?.type === "error") reject(errorOf(frame));
        else resolve(frame);
      };
      platform.after(ANSWER_WITHIN_MS2, answered);
    });
  }
  async function connect() {
    const mine = leave({ state: "connecting" });
    try {
      const ticket = await core.session.socketToken();
      if (mine === attempt) open(ticket);
    } catch (thrown) {
      if (mine === attempt) refused(toError(thrown));
    }
  }
  function open({ token: token2, url }) {
    const resume = position;
    socket = openSocket(url, resume ? [SUBPROTOCOL] : [SUBPROTOCOL, TOKEN_SUBPROTOCOL + token2]);
    within(READY_WITHIN_MS, wait);
    if (resume) socket.onopen = () => say({ type: "hello", token: token2, resume });
    socket.onmessage = ({ data }) => {
      const frame = readJson(data);
      if (frame) take(frame);
    };
    socket.onclose = ({ code }) => closed(code);
  }
  function take(frame) {
    const now = platform.now();
    heardAt = now;
    if (state === "open" && notBefore === 0) within(silence, wait);
    switch (frame.type) {
      case "ready": {
        const { epoch, sequence, heartbeat, retry, resumed } = frame;
        position = { epoch, sequence };
        backoff.opened(retry.min_ms, retry.max_ms);
        silence = heartbeat.interval_ms + heartbeat.timeout_ms;
        notBefore = 0;
        within(silence, wait);
        become({ state: "open", resumed });
        return heard(frame, epoch);
      }
      case "state":
      case "event": {
        if (!position) return;
        const isNew = read(position.epoch, frame.sequence);
        if (isNew || frame.type === "state") heard(frame, position.epoch);
        return;
      }
      case "signed_out":
        return core.session.lost(frame.reason, frame.message);
      case "reconnect":
        notBefore = now + frame.in_ms;
        return within(frame.in_ms, connect);
      case "ping":
        return say({ type: "pong", version: core.present.snapshot().state?.version });
      case "token":
        return answered?.(frame);
      case "error":
        return frame.id ? answered?.(frame) : failed(errorOf(frame));
    }
  }
  function closed(code) {
    const next = afterClose(code);
    if (next === "signed_out") return core.session.lost("revoked");
    if (next === "reconnect") return wait();
    leave({ state: "closed" });
    if (next === "error") failed(new PortcullisError("socket_closed", void 0, { closeCode: code }));
  }
  function refused(error) {
    if (error.isTemporary || error.status === 401) {
      const { retryAfterMs } = error;
      if (retryAfterMs) notBefore = platform.now() + retryAfterMs + backoff.next();
      return wait();
    }
    leave({ state: "closed" });
    failed(error);
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
  return { isOpen: () => state === "open", stop, read, wake, token, connect };
}
var errorOf = ({ code, detail }) => new PortcullisError(code, detail);

// src/connection.ts
function createConnection(core, openSocket, shared2) {
  const { platform, tabs, life } = core;
  const { snapshot, update } = core.present;
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
        const tell = () => tabs.tell("news", session, epoch, frame);
        if (frame.type !== "event") tellState = tell;
        tell();
      }
      life.told(frame, epoch, true);
    },
    (connection) => {
      update({ connection });
      if (leader?.isLeading()) tabs.tell("connection", connection);
    }
  );
  const follows = () => leader && !leader.isLeading();
  const leader = shared2 && platform.locks ? createLeader(platform, platform.locks, `${core.name}:socket`, () => tabs.tell("leads"), lead) : void 0;
  function lead(leads) {
    if (leads) {
      tabs.tell("leading");
      return void socket.connect();
    }
    socket.stop();
    if (sessionId) tabs.tell("who");
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
    /** Tells other tabs how the one socket is, if it is here. */
    tell() {
      if (!leader?.isLeading()) return;
      tabs.tell("connection", snapshot().connection);
      tellState();
    },
    /** Does what other tabs ask for. */
    heard: {
      news(session, epoch, frame) {
        if (session !== sessionId) return;
        const isNew = follows() && socket.read(epoch, frame.sequence);
        if (isNew || frame.type !== "event") life.told(frame, epoch, false);
      },
      leads() {
        if (leader?.isLeading()) tabs.tell("leading");
      },
      leading() {
        if (sessionId && follows()) leader?.watch();
      },
      connection(connection) {
        if (follows()) update({ connection });
      }
    }
  };
}

// src/events.ts
var NOBODY = { user: void 0, sessionId: void 0, state: void 0 };
var UNKNOWN = { ...NOBODY, status: "unknown", connection: { state: "idle" } };
function createPresent() {
  let snapshot = UNKNOWN;
  let lasting = { connection: snapshot.connection };
  const listeners = /* @__PURE__ */ new Set();
  function update(change, events = lasting) {
    const next = { ...snapshot, ...change };
    if (JSON.stringify(next) === JSON.stringify(snapshot)) return;
    snapshot = next;
    lasting = { ...events, state: next.state, connection: next.connection };
    happen("change", void 0);
    listeners.forEach(deliver);
  }
  function happen(type, event) {
    for (const listener of [...listeners]) if (listener.type === type) tell(listener, event);
  }
  function on(type, call) {
    const listener = { type, call };
    listeners.add(listener);
    queueMicrotask(() => deliver(listener));
    return () => void listeners.delete(listener);
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
  return { snapshot: () => snapshot, update, happen, on };
}

// src/fetch.ts
function createFetch({ platform, session }, addresses) {
  const origins = addresses.map((address) => new URL(address).origin);
  return async (input, init) => {
    const request = new Request(input, init);
    const { origin } = new URL(request.url);
    if (origin !== globalThis.location?.origin && !origins.includes(origin)) {
      throw new PortcullisError("foreign_origin", origin);
    }
    const attempt = async (token) => {
      const again = request.clone();
      again.headers.set("Authorization", `Bearer ${token}`);
      const response = await platform.fetch(again);
      if (response.status === 401) throw response;
      return response;
    };
    return session.withToken(attempt).catch((thrown) => {
      if (thrown instanceof Response) return thrown;
      throw thrown;
    });
  };
}

// src/life.ts
function createLife(core) {
  const { platform, tabs } = core;
  const { snapshot, update, happen } = core.present;
  let epoch;
  let cancel = () => {
  };
  function accept(state, journal) {
    const { state: mine, user } = snapshot();
    if (mine && epoch === journal && state.version <= mine.version) return;
    epoch = journal;
    update({ state, user: user && withState(user, state) });
  }
  return {
    /** The session has begun, changed, or got another access token; `here` unless another tab said so. */
    lives(live, here) {
      const { sessionId } = live;
      const isNew = sessionId !== snapshot().sessionId;
      const state = isNew ? void 0 : snapshot().state;
      const user = withState(live.user, state);
      if (isNew) epoch = void 0;
      update({ status: "signedIn", sessionId, user, state }, isNew ? { signedIn: { user, sessionId } } : void 0);
      if (here) tabs.tell("live", live);
      core.connection?.follow(sessionId);
      cancel();
      cancel = platform.after(live.until - platform.now(), () => {
        if (core.connection?.isOpen()) core.session.renew().catch(() => {
        });
      });
    },
    /** It has ended, or there is none; `last` is what it was. */
    ended(last, why, here) {
      cancel();
      core.connection?.follow();
      if (here && last) tabs.tell("ended", last.sessionId, why);
      update({ ...NOBODY, status: "signedOut" }, { signedOut: why });
    },
    /** What the hub has decided. `journal` numbered it; `isOwn`: this tab's socket brought it. */
    told(frame, journal, isOwn) {
      if (frame.type === "event") return happen("event", frame);
      accept(frame.state, journal);
      if (!isOwn || frame.type !== "state") return;
      const { session } = core;
      const { access_token, expires_in, reason } = frame;
      if (access_token && expires_in) session.renewed({ access_token, expires_in });
      if (reason === "email_changed") session.user().catch(() => {
      });
    },
    stop: () => cancel()
  };
}
function withState(user, state) {
  return state && state.version > user.version ? { ...user, site_role: state.role, version: state.version } : user;
}

// src/oauth.ts
var LOOK_EVERY_MS = 500;
var IDENTITIES = "/api/users/me/identities";
function createOAuth({ platform, base, name, tabs, send, session, failed }) {
  const { window } = platform;
  const { call } = session;
  const key = `${name}:oauth`;
  let returned = () => {
  };
  async function leave({ popup = false, redirectTo }, provider, isLink) {
    const target = popup ? window?.open("", "", "popup") : window;
    if (!target) throw new PortcullisError("popup_blocked");
    const code_verifier = crypto.randomUUID() + crypto.randomUUID();
    const begin = { redirect_to: redirectTo, code_challenge: await challengeOf(code_verifier) };
    const path = segment(provider);
    try {
      const address = isLink ? (await call(`POST ${IDENTITIES}/${path}`, begin)).url : `${base}/api/auth/oauth/${path}/start?${new URLSearchParams(begin)}`;
      const attempt = { code_verifier, redirectTo, popup, isLink };
      target.sessionStorage.setItem(key, JSON.stringify(attempt));
      target.location.href = address;
      await new Promise((resolve, reject) => {
        const finish = (code) => code ? reject(new PortcullisError(code)) : resolve();
        returned = finish;
        const look = () => {
          if (target.closed && window?.document.hasFocus()) finish("popup_closed");
          else platform.after(LOOK_EVERY_MS, look);
        };
        if (popup) look();
      });
    } finally {
      if (popup) target.close();
    }
  }
  return {
    calls: {
      providers: async () => (await send("GET /api/auth/oauth")).providers,
      signInWithProvider: (provider, options) => leave(options, provider, false),
      linkIdentity: (provider, options) => leave(options, provider, true),
      identities: async () => (await call(`GET ${IDENTITIES}`)).items,
      unlinkIdentity: (id) => call(`DELETE ${IDENTITIES}/${segment(id)}`)
    },
    /** Does what other tabs ask for; a popup is one. */
    heard: { returned: (code) => returned(code) },
    /** Finishes what was begun in this window, if it has come back: takes off the address what that has brought. */
    async resume() {
      const attempt = readJson(window?.sessionStorage.getItem(key) ?? "");
      if (!window || !attempt) return;
      window.sessionStorage.removeItem(key);
      const { code, error } = Object.fromEntries(new URL(window.location.href).searchParams);
      if (!code && !error) return;
      const { code_verifier, redirectTo, popup, isLink } = attempt;
      window.history.replaceState(null, "", redirectTo);
      let why;
      try {
        if (error) throw new PortcullisError(error);
        if (isLink) await session.find();
        await (isLink ? call : session.signIn)("POST /api/auth/oauth/exchange", { code, code_verifier });
      } catch (thrown) {
        const reason = toError(thrown);
        failed(reason);
        why = reason.code;
      }
      if (!popup) return;
      tabs.tell("returned", why);
      window.close();
    }
  };
}
async function challengeOf(verifier) {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  const text = btoa(String.fromCharCode(...new Uint8Array(hash)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace("=", "");
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

// src/platform.ts
function memoryStore() {
  const items = /* @__PURE__ */ new Map();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => items.set(key, value),
    removeItem: (key) => items.delete(key)
  };
}
function localStore() {
  try {
    return globalThis.localStorage;
  } catch {
    return void 0;
  }
}
function pause(platform, ms) {
  return new Promise((resume) => platform.after(ms, resume));
}
function thisPlatform() {
  const { WebSocket, BroadcastChannel, document, navigator, window } = globalThis;
  const isVisible = () => document?.visibilityState !== "hidden";
  return {
    fetch: (...request) => globalThis.fetch(...request),
    // Node's says that it is a browser and not of which origin, so hubs refuse it.
    openSocket: window && WebSocket && ((url, protocols) => new WebSocket(url, protocols)),
    // Node's would keep the process alive.
    openChannel: document && BroadcastChannel && ((name) => new BroadcastChannel(name)),
    locks: document && navigator.locks,
    // React Native has a window, and no page in it.
    window: document && window,
    // Node has a localStorage of its own, shared by everybody whom a server serves.
    store: (document && localStore()) ?? memoryStore(),
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
      const listen = (target, type) => target.addEventListener(type, wake, forgotten);
      listen(window, "online");
      listen(window, "pageshow");
      listen(document, "visibilitychange");
      return () => forgotten.abort();
    },
    isVisible
  };
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
  async function signIn(route, body) {
    await core.signOut.settled();
    await restoring?.catch(() => {
    });
    const since = platform.now();
    const pair = await send(route, body, { cookie });
    await tokens.keep(pair);
    return begin(pair, since).user;
  }
  async function find() {
    if (await tokens.present()) {
      tabs.tell("who");
      await pause(platform, TABS_ANSWER_WITHIN_MS);
    }
    if (!live) await restore();
  }
  async function accessToken() {
    const { accessToken: accessToken2, until } = signedIn();
    return platform.now() < until ? accessToken2 : (await renew()).accessToken;
  }
  const renew = shared(async () => {
    let isTooOld = false;
    try {
      const fresh = await core.connection?.token();
      if (fresh) return renewed(fresh);
    } catch (thrown) {
      isTooOld = thrown.code === "refresh_required";
    }
    const next = await refresh();
    if (isTooOld) void core.connection?.connect();
    return next;
  });
  async function refresh() {
    signedIn();
    return restore();
  }
  const restore = shared(() => restoring = spend(turn));
  async function spend(asked) {
    const proof = await tokens.present();
    const since = platform.now();
    const answer = proof ? await send("POST /api/auth/refresh", proof, { cookie }).catch(toError) : new PortcullisError("not_signed_in");
    if (asked !== turn) return signedIn();
    if (!(answer instanceof PortcullisError)) {
      await tokens.keep(answer, proof);
      return begin(answer, since);
    }
    if (answer.status === 401 || !proof) {
      const stored = await tokens.present();
      if (stored?.refresh_token !== proof?.refresh_token) return spend(asked);
      await tokens.forget(proof);
      end({ reason: endOf(answer) });
    }
    throw answer;
  }
  async function withToken(attempt) {
    const token = await accessToken();
    return attempt(token).catch(async (thrown) => {
      if (thrown.status !== 401) throw thrown;
      const { accessToken: other } = signedIn();
      return attempt(other === token ? (await refresh()).accessToken : other);
    });
  }
  function call(route, body) {
    return withToken((token) => send(route, body, { token }));
  }
  async function socketToken() {
    if (live?.fromSocket) await refresh();
    return call("GET /api/auth/socket");
  }
  function renewed(fresh) {
    return set({ ...signedIn(), accessToken: fresh.access_token, until: expiry(fresh), fromSocket: true });
  }
  async function user(route = "GET /api/users/me", change) {
    const record = await call(route, change);
    if (live?.user.id === record.id) set({ ...live, user: record });
    return record;
  }
  function adopt(theirs) {
    const isNewer = !live ? theirs.sessionId !== ended : live.sessionId === theirs.sessionId ? theirs.until >= live.until : theirs.since > live.since;
    if (isNewer) set(theirs, false);
  }
  function end(why, sessionId = live?.sessionId, here = true) {
    const last = live;
    if (sessionId !== last?.sessionId) return;
    live = void 0;
    turn += 1;
    ended = last?.sessionId ?? ended;
    core.life.ended(last, why, here);
  }
  function lost(reason, message) {
    tokens.forget().catch((thrown) => core.failed(toError(thrown)));
    end({ reason, message });
  }
  function begin(pair, since) {
    const { access_token: accessToken2, session_id: sessionId, user: user2 } = pair;
    return set({ accessToken: accessToken2, until: expiry(pair), fromSocket: false, sessionId, user: user2, since });
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
  function expiry({ expires_in }) {
    return platform.now() + expires_in * 900;
  }
  function endOf({ code }) {
    if (code === "refresh_reused") return code;
    if (code === "session_revoked") return "revoked";
    return live || code === "invalid_token" ? "expired" : "none";
  }
  return {
    held: () => live,
    signIn,
    find,
    accessToken,
    renew,
    withToken,
    call,
    socketToken,
    renewed,
    user,
    adopt,
    end,
    lost
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
function createTokens(store, name, cookie) {
  const tokenKey = `${name}:refresh_token`;
  const graveKey = `${name}:signed_out`;
  const isStill = async (spent) => !spent || await store.getItem(tokenKey) === spent.refresh_token;
  async function present() {
    if (cookie) return await tombstone() ? void 0 : {};
    const token = await store.getItem(tokenKey);
    return token ? { refresh_token: token } : void 0;
  }
  async function tombstone() {
    return readJson(await store.getItem(graveKey) ?? "");
  }
  async function removeTombstone() {
    await store.removeItem(graveKey);
  }
  return {
    /** Whether requests are of cookie mode. */
    cookie,
    present,
    tombstone,
    removeTombstone,
    /** Keeps what a sign-in gave, or what a refresh gave for `spent`. */
    async keep({ refresh_token }, spent) {
      if (cookie && !spent) await removeTombstone();
      if (refresh_token && await isStill(spent)) await store.setItem(tokenKey, refresh_token);
    },
    /** Forgets a token that the hub does not take any more. */
    async forget(spent) {
      if (await isStill(spent)) await store.removeItem(tokenKey);
    },
    /** Forgets the session, and notes that the hub has to be told. */
    async bury(scope) {
      const proof = await present();
      if (!proof) return;
      await store.setItem(graveKey, JSON.stringify({ scope, ...proof }));
      await store.removeItem(tokenKey);
    }
  };
}

// src/tabs.ts
function createTabs(openChannel, name, heard) {
  const channel = openChannel?.(name);
  if (channel) {
    channel.onmessage = ({ data: [type, ...told] }) => {
      heard()[type]?.(...told);
    };
  }
  return {
    tell: (...message) => channel?.postMessage(message),
    close: () => channel?.close()
  };
}

// src/client.ts
function createClientOn(platform, options) {
  const base = trimmed(options.url);
  const name = `portcullis:${base}`;
  const { storage, tabs: sharing, socket: openSocket = platform.openSocket } = options;
  const present = createPresent();
  const { snapshot, on } = present;
  const tokens = createTokens(storage ?? platform.store, name, !storage);
  const failed = (error) => present.happen("error", error);
  const tabs = createTabs(sharing === "alone" ? void 0 : platform.openChannel, name, () => heard);
  const core = { platform, base, name, send: createSend(base, platform), tokens, present, failed, tabs };
  const life = core.life = createLife(core);
  const session = core.session = createSession(core);
  const signOut = core.signOut = createSignOut(core);
  const connection = core.connection = openSocket ? createConnection(core, openSocket, sharing === "share") : void 0;
  const oauth = createOAuth(core);
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
    ended: (sessionId, why) => session.end(why, sessionId, false),
    who() {
      const live = session.held();
      if (live && platform.now() < live.until) tabs.tell("live", live);
      connection?.tell();
    }
  };
  async function restore() {
    await oauth.resume();
    try {
      await session.find();
    } catch (thrown) {
      if (snapshot().status === "unknown") throw thrown;
    }
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
    ...accountCalls(core),
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
      if (scope === "others") return session.call("POST /api/auth/logout", { scope });
      stopRestoring();
      const token = session.held()?.accessToken;
      session.end({ reason: "logout" });
      await tokens.bury(scope);
      await signOut.finish(token);
    },
    accessToken: session.accessToken,
    fetch: createFetch(core, [base, ...options.apiOrigins ?? []])
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
