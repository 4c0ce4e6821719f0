// src/account.ts
var ME = "/api/users/me";
function accountCalls({ send, call, described, deleted }) {
  const post = async (path, body) => void await send({ method: "POST", path, body });
  const asPerson = async (method, path, body) => void await call({ method, path, body });
  const record = async (request) => {
    const user = await call(request);
    described(user);
    return user;
  };
  const segment = encodeURIComponent;
  return {
    signUp: ({ email, password, name }) => post("/api/users", { email, password, name }),
    resendActivation: (email) => post("/api/auth/activate", { email }),
    activate: async (token) => void await send({ method: "PATCH", path: `/api/auth/activate/${segment(token)}` }),
    requestRecovery: (email) => post("/api/auth/recovery", { email }),
    recover: (token, password) => post(`/api/auth/recovery/${segment(token)}`, { password }),
    confirmEmailChange: (token) => post(`${ME}/email/${segment(token)}`),
    undoEmailChange: (token) => post(`/api/users/email-undo/${segment(token)}`),
    revokeDevice: (token) => post(`/api/auth/device-revoke/${segment(token)}`),
    user: () => record({ path: ME }),
    updateUser: ({ name }) => record({ method: "PATCH", path: ME, body: { name } }),
    async deleteUser(password) {
      await asPerson("DELETE", ME, { password });
      deleted();
    },
    changePassword: (change) => asPerson("POST", `${ME}/password`, change),
    requestEmailChange: (change) => asPerson("POST", `${ME}/email`, change),
    sessions: async () => (await call({ path: `${ME}/sessions` })).items,
    endSession: (id) => asPerson("DELETE", `${ME}/sessions/${segment(id)}`),
    endOtherSessions: () => asPerson("DELETE", `${ME}/sessions`),
    exportData: () => call({ path: `${ME}/export` }),
    siteRole: () => call({ path: "/api/auth/site_role" })
  };
}

// src/leader.ts
var ASK_EVERY_MS = 2e3;
var ANSWER_WITHIN_MS = 500;
function createLeader(platform, locks, name, ask, changed) {
  let leads = false;
  let running = false;
  let turn = 0;
  let release = () => {
  };
  let abort = new AbortController();
  let cancel = () => {
  };
  function start() {
    if (running) return;
    running = true;
    queue();
    watch();
  }
  function stop() {
    running = false;
    cancel();
    withdraw();
  }
  function heard() {
    if (running && !leads) watch();
  }
  function queue(steal = false) {
    turn += 1;
    const mine = turn;
    abort = new AbortController();
    const held = () => new Promise((give) => {
      if (mine !== turn) return give();
      release = give;
      cancel();
      become(true);
    });
    const lost = () => {
      if (mine !== turn) return;
      become(false);
      queue();
      watch();
    };
    locks.request(name, steal ? { steal } : { signal: abort.signal }, held).then(lost, lost);
  }
  function withdraw() {
    turn += 1;
    abort.abort();
    release();
    become(false);
  }
  function watch() {
    cancel();
    cancel = platform.after(ASK_EVERY_MS, () => {
      if (!platform.isVisible()) return watch();
      ask();
      cancel = platform.after(ANSWER_WITHIN_MS * (1 + platform.random()), () => {
        withdraw();
        queue(true);
      });
    });
  }
  function become(next) {
    if (next === leads) return;
    leads = next;
    changed(next);
  }
  return {
    leads: () => leads,
    start,
    stop,
    heard
  };
}

// src/backoff.ts
var CALM_MS = 6e4;
function createBackoff(platform) {
  let failures = 0;
  let openedAt;
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
      if (openedAt !== void 0 && platform.now() - openedAt >= CALM_MS) failures = 0;
      openedAt = void 0;
      const bound = Math.min(most, least * 2 ** failures);
      failures += 1;
      return platform.random() * bound;
    }
  };
}

// src/errors.ts
var PortcullisError = class extends Error {
  constructor(code, message, facts = {}) {
    super(message);
    this.code = code;
    Object.assign(this, facts);
  }
  code;
  name = "PortcullisError";
  /** The HTTP status, where there was an answer. */
  status;
  /** For `validation_failed`: what is wrong with which field. */
  errors = [];
  retryAfterMs;
  /** Finds the request in the hub's log. */
  requestId;
  closeCode;
  /** Whether the same call may succeed later: no answer, a limit, a hub that is busy, a portal in between. */
  get isTemporary() {
    const { code, status = 0 } = this;
    const isRefusal = status >= 400 && status < 500 && status !== 408 && status !== 429;
    return code === "network" || status > 0 && !isRefusal;
  }
};
function toError(thrown) {
  return thrown instanceof PortcullisError ? thrown : new PortcullisError("unexpected_answer", String(thrown), { cause: thrown });
}

// src/frames.ts
var SUBPROTOCOL = "portcullis.v1";
var TOKEN_SUBPROTOCOL = "portcullis.token.";
function readFrame(text) {
  try {
    const frame = JSON.parse(text);
    return typeof frame === "object" && frame !== null ? frame : void 0;
  } catch {
    return void 0;
  }
}
function afterClose(code) {
  if (code === 1e3) return "stop";
  const hundred = Math.floor(code / 100);
  if (hundred === 40) return "signed_out";
  return hundred === 43 ? "report" : "reconnect";
}
function reasonOfClose(code) {
  const reasons = {
    4002: "account_disabled",
    4003: "password_changed",
    4005: "logout",
    4006: "expired"
  };
  return reasons[code] ?? "revoked";
}

// src/version.ts
var VERSION = "0.1.0";

// src/socket.ts
var READY_WITHIN_MS = 1e4;
var ANSWER_WITHIN_MS2 = 5e3;
function createSocket(parts) {
  const { platform, openSocket, socketToken, version, heard, changed, failed } = parts;
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
  let asked = 0;
  let answered;
  function start(from) {
    if (state !== "idle" && state !== "closed") return;
    position = from;
    void connect();
  }
  function stop() {
    leave({ state: "idle" });
    notBefore = 0;
  }
  function wake() {
    const now = platform.now();
    const isSilent = state === "open" && now - heardAt > silence;
    if (isSilent || state === "waiting" && now >= notBefore) void connect();
  }
  function token() {
    if (state !== "open") return void 0;
    asked += 1;
    const id = String(asked);
    say({ type: "token", id });
    return new Promise((resolve, reject) => {
      answered = (frame) => {
        if (frame && frame.id !== id) return;
        calm();
        answered = void 0;
        if (frame?.type === "token") resolve(frame);
        else reject(frame ? errorOf(frame) : new PortcullisError("network", "the socket gives no token"));
      };
      const calm = platform.after(ANSWER_WITHIN_MS2, answered);
    });
  }
  async function connect() {
    const mine = leave({ state: "connecting" });
    try {
      const ticket = await socketToken();
      if (mine === attempt) open(ticket);
    } catch (thrown) {
      if (mine === attempt) refused(toError(thrown));
    }
  }
  function open({ token: token2, url }) {
    const resume = position;
    socket = openSocket(url, resume ? [SUBPROTOCOL] : [SUBPROTOCOL, TOKEN_SUBPROTOCOL + token2]);
    within(READY_WITHIN_MS, wait);
    socket.onopen = () => {
      if (resume) say({ type: "hello", token: token2, client: { name: "portcullis-client", version: VERSION }, resume });
    };
    socket.onmessage = ({ data }) => {
      const frame = readFrame(data);
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
        const { epoch, sequence } = position;
        if (frame.type === "event" && frame.sequence <= sequence) return;
        position = { epoch, sequence: Math.max(sequence, frame.sequence) };
        return heard(frame, epoch);
      }
      case "signed_out":
        return heard(frame, "");
      case "reconnect":
        notBefore = now + frame.in_ms;
        return within(frame.in_ms, connect);
      case "ping":
        return say({ type: "pong", version: version() });
      case "token":
        return answered?.(frame);
      case "error":
        return frame.id === void 0 ? failed(errorOf(frame)) : answered?.(frame);
    }
  }
  function closed(code) {
    const next = afterClose(code);
    if (next === "signed_out") {
      return heard({ type: "signed_out", code, reason: reasonOfClose(code), scope: "session" }, "");
    }
    if (next === "reconnect") return wait();
    leave({ state: "closed" });
    if (next === "report") {
      failed(new PortcullisError("socket_closed", `closed by the hub: ${code}`, { closeCode: code }));
    }
  }
  function refused(error) {
    if (error.isTemporary || error.status === 401) {
      const { retryAfterMs } = error;
      if (retryAfterMs !== void 0) notBefore = platform.now() + retryAfterMs + backoff.next();
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
  return { start, stop, wake, token, reconnect: connect };
}
function errorOf({ code, detail, retry_after_ms }) {
  return new PortcullisError(code, detail, { retryAfterMs: retry_after_ms });
}

// src/connection.ts
function createConnection(parts) {
  const { platform, tabs, lock } = parts;
  let sessionId;
  let position;
  let connection = { state: "idle" };
  let latest;
  const socket = createSocket({
    ...parts,
    heard(frame, epoch) {
      if (sessionId !== void 0 && frame.type !== "signed_out" && (leader || frame.type !== "event")) {
        position = { epoch, sequence: frame.sequence };
        const news = { type: "news", sessionId, epoch, frame };
        if (frame.type !== "event") latest = news;
        tabs.send(news);
      }
      parts.heard(frame, epoch, true);
    },
    changed(next) {
      connection = next;
      parts.changed(next);
      if (leader?.leads()) tabs.send({ type: "connection", connection });
    }
  });
  const leader = lock !== void 0 && platform.locks && tabs.isOpen ? createLeader(platform, platform.locks, lock, () => tabs.send({ type: "leads?" }), lead) : void 0;
  const isOwn = () => leader?.leads() ?? true;
  function follow(next) {
    if (next === sessionId) return;
    sessionId = next;
    position = latest = void 0;
    socket.stop();
    if (next === void 0) return leader?.stop();
    leader?.start();
    if (isOwn()) socket.start();
  }
  function hear(message) {
    if (message.type === "news") {
      const { frame, epoch } = message;
      if (message.sessionId !== sessionId) return;
      const isOld = epoch === position?.epoch && frame.sequence <= position.sequence;
      if (!isOwn() && !isOld) position = { epoch, sequence: frame.sequence };
      if (frame.type !== "event" || !isOwn() && !isOld) parts.heard(frame, epoch, false);
    } else if (isOwn()) {
      if (!leader) return;
      if (message.type === "leads?") tabs.send({ type: "leads" });
      if (message.type === "ask") {
        tabs.send({ type: "connection", connection });
        if (latest) tabs.send(latest);
      }
    } else if (message.type === "leads") {
      leader?.heard();
    } else if (message.type === "connection") {
      parts.changed(message.connection);
    }
  }
  function lead(leads) {
    if (leads) {
      tabs.send({ type: "leads" });
      return socket.start(position);
    }
    socket.stop();
    if (sessionId !== void 0) tabs.send({ type: "ask" });
  }
  return { isOwn, follow, hear, wake: socket.wake, token: socket.token, reconnect: socket.reconnect };
}

// src/events.ts
function guarded(call, value) {
  try {
    call(value);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
function createPresent() {
  let snapshot = {
    status: "unknown",
    user: void 0,
    sessionId: void 0,
    state: void 0,
    connection: { state: "idle" }
  };
  const lasting = { connection: snapshot.connection };
  const listeners = {};
  const watchers = /* @__PURE__ */ new Set();
  function update(change) {
    const keys = Object.keys(change);
    const differs = keys.some((key) => JSON.stringify(change[key]) !== JSON.stringify(snapshot[key]));
    if (!differs) return false;
    snapshot = Object.freeze({ ...snapshot, ...change });
    for (const watch2 of [...watchers]) guarded(watch2, void 0);
    return true;
  }
  function watch(call) {
    const own = () => call();
    watchers.add(own);
    return () => void watchers.delete(own);
  }
  function tell(type, event) {
    lasting[type] = event;
    for (const listener of of(type)) deliver(type, listener);
  }
  function over(type) {
    lasting[type] = void 0;
  }
  function happen(type, event) {
    for (const { call } of of(type)) guarded(call, event);
  }
  function on(type, call) {
    const mine = listeners[type] ??= /* @__PURE__ */ new Set();
    const listener = { call, told: void 0, active: true };
    mine.add(listener);
    queueMicrotask(() => deliver(type, listener));
    return () => {
      listener.active = false;
      mine.delete(listener);
    };
  }
  function of(type) {
    const mine = listeners[type];
    return [...mine ?? []];
  }
  function deliver(type, listener) {
    const event = lasting[type];
    if (!listener.active || event === void 0 || listener.told === event) return;
    listener.told = event;
    guarded(listener.call, event);
  }
  return { snapshot: () => snapshot, update, watch, tell, over, happen, on };
}

// src/fetch.ts
function createFetch({ platform, session, origins }) {
  const sendWith = (request, token) => {
    request.headers.set("Authorization", `Bearer ${token}`);
    return platform.fetch(request);
  };
  return async (input, init) => {
    const request = new Request(input, init);
    const { origin } = new URL(request.url);
    if (!origins.has(origin)) {
      throw new PortcullisError("foreign_origin", `${origin} is not in apiOrigins`);
    }
    const again = request.clone();
    const token = await session.accessToken();
    const response = await sendWith(request, token);
    if (response.status !== 401) return response;
    try {
      const other = await session.instead(token);
      void response.body?.cancel();
      return await sendWith(again, other);
    } catch (error) {
      if (error instanceof PortcullisError) return response;
      throw error;
    }
  };
}

// src/http.ts
var PATIENCE_MS = 15e3;
function createSend(base, platform) {
  return async ({ method = "GET", path, body, token, cookie = false }) => {
    const headers = {};
    const isForm = body instanceof URLSearchParams;
    if (body !== void 0 && !isForm) headers["Content-Type"] = "application/json";
    if (token !== void 0) headers["Authorization"] = `Bearer ${token}`;
    if (cookie) headers["X-Portcullis-Mode"] = "cookie";
    const patience = new AbortController();
    const calm = platform.after(PATIENCE_MS, () => patience.abort());
    try {
      const response = await platform.fetch(base + path, {
        method,
        headers,
        cache: "no-store",
        credentials: cookie ? "include" : "omit",
        signal: patience.signal,
        ...body !== void 0 && { body: isForm ? body : JSON.stringify(body) }
      });
      const text = await response.text();
      if (!response.ok) throw refusal(response, text);
      return text === "" ? void 0 : parse(text, response.status);
    } catch (thrown) {
      if (thrown instanceof PortcullisError) throw thrown;
      throw new PortcullisError("network", `${method} ${path}: no answer`, { cause: thrown });
    } finally {
      calm();
    }
  };
}
function parse(text, status) {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new PortcullisError("unexpected_answer", "the answer is not JSON", { status, cause });
  }
}
function refusal(response, text) {
  const { status, headers } = response;
  let problem = {};
  try {
    problem = JSON.parse(text) ?? {};
  } catch {
  }
  const seconds = problem.retry_after ?? Number(headers.get("Retry-After") ?? Number.NaN);
  return new PortcullisError(
    problem.code ?? "unexpected_answer",
    problem.detail ?? problem.title ?? `HTTP ${status}`,
    {
      status,
      errors: problem.errors ?? [],
      requestId: problem.request_id ?? headers.get("X-Request-Id") ?? void 0,
      retryAfterMs: seconds >= 0 ? seconds * 1e3 : void 0
    }
  );
}

// src/retry.ts
function untilDone(platform, attempt, failed) {
  const backoff = createBackoff(platform);
  let running = false;
  let notBefore = 0;
  let cancel = () => {
  };
  const stop = () => {
    running = true;
    cancel();
    forgetWake();
  };
  const run = async () => {
    if (running || platform.now() < notBefore) return;
    running = true;
    cancel();
    try {
      await attempt();
      stop();
    } catch (thrown) {
      const error = toError(thrown);
      if (!error.isTemporary) {
        stop();
        failed(error);
        return;
      }
      const named = error.retryAfterMs ?? 0;
      notBefore = platform.now() + named;
      cancel = platform.after(named + backoff.next(), run);
      running = false;
    }
  };
  const forgetWake = platform.onWake(run);
  void run();
  return stop;
}

// src/session.ts
var ASK_AGAIN_MS = 400;
function createSession(parts) {
  const { platform, send, tokens } = parts;
  let live;
  let endedAt = 0;
  let turn = 0;
  let refreshing;
  let renewing;
  async function signIn(request) {
    await refreshing?.catch(() => {
    });
    const askedAt = platform.now();
    const pair = await send({ ...request, cookie: tokens.cookie });
    await tokens.keep(pair);
    return begin(pair, askedAt);
  }
  async function accessToken() {
    const { accessToken: accessToken2, expiresAt } = signedIn();
    return platform.now() < expiresAt ? accessToken2 : (await renew()).accessToken;
  }
  function renew() {
    renewing ??= startRenewal().finally(() => {
      renewing = void 0;
    });
    return renewing;
  }
  async function startRenewal() {
    const before = live;
    try {
      const fresh = await parts.overSocket();
      if (fresh && before) return renewed(before.sessionId, fresh) ?? signedIn();
    } catch {
    }
    return refresh();
  }
  async function refresh() {
    signedIn();
    return restore();
  }
  function restore() {
    const asked = turn;
    refreshing ??= tokens.present().then((proof) => refreshWith(proof, asked)).finally(() => {
      refreshing = void 0;
    });
    return refreshing;
  }
  async function refreshWith(proof, asked) {
    const askedAt = platform.now();
    try {
      if (!proof) throw new PortcullisError("authentication_required", "no session is kept", { status: 401 });
      const pair = await presentToken(proof);
      if (asked !== turn) return signedIn();
      await tokens.keep(pair, proof);
      return begin(pair, askedAt);
    } catch (thrown) {
      const error = toError(thrown);
      if (asked !== turn) return signedIn();
      if (error.status !== 401) throw error;
      const stored = await tokens.present();
      if (stored && proof && stored.refresh_token !== proof.refresh_token) return refreshWith(stored, asked);
      await tokens.forget(proof);
      end({ reason: endOf(error), message: void 0 });
      throw error;
    }
  }
  async function presentToken(proof) {
    const request = { method: "POST", path: "/api/auth/refresh", body: proof, cookie: tokens.cookie };
    try {
      return await send(request);
    } catch (thrown) {
      if (toError(thrown).code !== "network") throw thrown;
      await new Promise((resume) => platform.after(platform.random() * ASK_AGAIN_MS, resume));
      return send(request);
    }
  }
  async function call(request) {
    const token = await accessToken();
    try {
      return await send({ ...request, token });
    } catch (thrown) {
      if (toError(thrown).status !== 401) throw thrown;
      return send({ ...request, token: await instead(token) });
    }
  }
  async function instead(refused) {
    const { accessToken: present } = signedIn();
    return present === refused ? (await refresh()).accessToken : present;
  }
  function renewed(sessionId, fresh) {
    if (live?.sessionId !== sessionId) return void 0;
    const expiresAt = expiry(fresh);
    return set({ ...live, accessToken: fresh.access_token, expiresAt, fromSocket: true }, true);
  }
  function describe(user) {
    if (live && live.user.id === user.id) set({ ...live, user }, true);
  }
  function adopt(theirs) {
    const isSame = live?.sessionId === theirs.sessionId;
    const isNewer = isSame ? theirs.expiresAt >= (live?.expiresAt ?? 0) : theirs.askedAt > (live?.askedAt ?? endedAt - 1);
    if (isNewer) set(theirs, false);
  }
  function end(why, here = true, sessionId) {
    const last = live;
    if (sessionId !== void 0 && sessionId !== last?.sessionId) return;
    live = void 0;
    turn += 1;
    endedAt = platform.now();
    parts.ended(last, why, here);
  }
  function begin(pair, askedAt) {
    const { access_token, session_id, user } = pair;
    const expiresAt = expiry(pair);
    return set(
      { accessToken: access_token, expiresAt, fromSocket: false, sessionId: session_id, user, askedAt },
      true
    );
  }
  function set(next, here) {
    if (next.sessionId !== live?.sessionId) turn += 1;
    live = next;
    parts.lives(next, here);
    return next;
  }
  function signedIn() {
    if (live) return live;
    throw new PortcullisError("not_signed_in", "nobody is signed in");
  }
  function expiry({ expires_in }) {
    return platform.now() + expires_in * 1e3 - Math.min(1e4, expires_in * 200);
  }
  function endOf({ code }) {
    if (code === "authentication_required" && !live) return "none";
    if (code === "refresh_reused") return "refresh_reused";
    return code === "session_revoked" ? "revoked" : "expired";
  }
  return {
    live: () => live,
    signIn,
    accessToken,
    renew,
    refresh,
    restore,
    call,
    instead,
    renewed,
    describe,
    adopt,
    end
  };
}

// src/signout.ts
function createSignOut({ platform, send, tokens, failed }) {
  let sending;
  let stop = () => {
  };
  async function finish(token) {
    try {
      await once(token);
    } catch (thrown) {
      const error = toError(thrown);
      if (!error.isTemporary) throw error;
      stop();
      stop = untilDone(platform, once, failed);
    }
  }
  function once(token) {
    sending ??= tell(token).finally(() => {
      sending = void 0;
    });
    return sending;
  }
  async function tell(token) {
    const tombstone = await tokens.tombstone();
    if (!tombstone) return;
    const { scope, proof } = tombstone;
    const body = { scope, ...proof };
    try {
      await send({ method: "POST", path: "/api/auth/logout", body, token, cookie: tokens.cookie });
    } catch (thrown) {
      if (toError(thrown).status !== 401) throw thrown;
    }
    await tokens.removeTombstone();
  }
  return {
    finish,
    /** Waits for a request under way: its answer would take away the cookie of a new sign-in. */
    settled: () => sending?.catch(() => {
    }),
    stop: () => stop()
  };
}

// src/storage.ts
function graveIn(store, name) {
  const key = `${name}:signed_out`;
  return {
    bury: async (tombstone) => void await store.setItem(key, JSON.stringify(tombstone)),
    async tombstone() {
      const text = await store.getItem(key);
      return text === null ? void 0 : JSON.parse(text);
    },
    removeTombstone: async () => void await store.removeItem(key)
  };
}
function inCookie(store, name) {
  const grave = graveIn(store, name);
  return {
    ...grave,
    cookie: true,
    present: async () => await grave.tombstone() ? void 0 : {},
    async keep(_pair, spent) {
      if (!spent) await grave.removeTombstone();
    },
    forget: async () => {
    },
    bury: (scope) => grave.bury({ scope, proof: {} })
  };
}
function inStore(store, name) {
  const grave = graveIn(store, name);
  const key = `${name}:refresh_token`;
  const isStill = async (spent) => !spent || await store.getItem(key) === spent.refresh_token;
  return {
    ...grave,
    cookie: false,
    async present() {
      const token = await store.getItem(key);
      return token === null ? void 0 : { refresh_token: token };
    },
    async keep(pair, spent) {
      if (pair.refresh_token !== void 0 && await isStill(spent)) {
        await store.setItem(key, pair.refresh_token);
      }
    },
    async forget(spent) {
      if (await isStill(spent)) await store.removeItem(key);
    },
    async bury(scope) {
      const token = await store.getItem(key);
      if (token === null) return;
      await grave.bury({ scope, proof: { refresh_token: token } });
      await store.removeItem(key);
    }
  };
}

// src/tabs.ts
function createTabs(platform, name, heard) {
  const channel = platform.openChannel?.(name);
  if (channel) channel.onmessage = ({ data }) => heard(data);
  return {
    /** Whether there can be others. */
    isOpen: channel !== void 0,
    send: (message) => channel?.postMessage(message),
    close: () => channel?.close()
  };
}

// src/client.ts
var TABS_ANSWER_WITHIN_MS = 50;
function createClientOn(platform, options) {
  const base = options.url.replace(/\/+$/, "");
  const name = `portcullis:${base}`;
  const { storage = "cookie", tabs: sharing = "each" } = options;
  const present = createPresent();
  const send = createSend(base, platform);
  const tokens = storage === "cookie" ? inCookie(platform.store, name) : inStore(storage, name);
  const failed = (error) => present.happen("error", error);
  const report = (thrown) => failed(toError(thrown));
  const signOut = createSignOut({ platform, send, tokens, failed });
  const tabs = createTabs(sharing === "alone" ? { ...platform, openChannel: void 0 } : platform, name, heard);
  let epoch;
  let socketIsTooOld = false;
  let begun = false;
  let stopRestoring = () => {
  };
  let cancelRenewal = () => {
  };
  let forgetWake = () => {
  };
  const session = createSession({
    platform,
    send,
    tokens,
    overSocket: () => connection?.token()?.catch((error) => {
      socketIsTooOld = error.code === "refresh_required";
      throw error;
    }),
    lives(live, here) {
      const isNew = live.sessionId !== present.snapshot().sessionId;
      if (isNew) {
        epoch = void 0;
        present.over("state");
        present.over("signedOut");
      }
      const state = isNew ? void 0 : present.snapshot().state;
      const { sessionId } = live;
      const user = withState(live.user, state);
      present.update({ status: "signedIn", sessionId, user, state });
      if (isNew) present.tell("signedIn", { user, sessionId });
      if (here) tabs.send({ type: "live", live });
      follow(live);
    },
    ended(last, why, here) {
      if (present.snapshot().status === "signedOut") return;
      cancelRenewal();
      epoch = void 0;
      connection?.follow(void 0);
      present.over("signedIn");
      present.over("state");
      present.update({ status: "signedOut", user: void 0, sessionId: void 0, state: void 0 });
      if (here && last) tabs.send({ type: "ended", sessionId: last.sessionId, why });
      present.tell("signedOut", why);
    }
  });
  const connection = options.socket !== false && platform.openSocket ? createConnection({
    platform,
    openSocket: platform.openSocket,
    tabs,
    lock: sharing === "share" ? `${name}:socket` : void 0,
    socketToken,
    failed,
    version: () => present.snapshot().state?.version,
    heard: told,
    changed(now) {
      if (present.update({ connection: now })) present.tell("connection", now);
      renewInTime();
    }
  }) : void 0;
  const account = accountCalls({
    send,
    call: session.call,
    described: session.describe,
    deleted: () => lost("account_deleted")
  });
  function follow(live) {
    connection?.follow(live.sessionId);
    if (socketIsTooOld && !live.fromSocket) {
      socketIsTooOld = false;
      connection?.reconnect();
    }
    renewInTime();
  }
  function renewInTime() {
    cancelRenewal();
    const live = session.live();
    const isOpen = connection?.isOwn() && present.snapshot().connection.state === "open";
    if (!live || !isOpen) return;
    const inMs = Math.max(1e3, live.expiresAt - platform.now());
    cancelRenewal = platform.after(inMs, () => void session.renew().catch(() => {
    }));
  }
  function told(frame, journal, isOwn) {
    if (frame.type === "event") {
      const { name: event, data } = frame;
      return present.happen("event", { name: event, data });
    }
    if (frame.type === "signed_out") return lost(frame.reason, frame.message);
    accept(frame.state, journal);
    const live = session.live();
    if (!isOwn || !live || frame.type !== "state") return;
    const { access_token, expires_in, reason } = frame;
    if (access_token !== void 0 && expires_in !== void 0) {
      session.renewed(live.sessionId, { access_token, expires_in });
    }
    if (reason === "email_changed") account.user().catch(() => {
    });
  }
  function lost(reason, message) {
    tokens.forget().catch(report);
    session.end({ reason, message });
  }
  async function socketToken() {
    if (session.live()?.fromSocket) await session.refresh();
    const call = { path: "/api/auth/socket" };
    try {
      return await session.call(call);
    } catch (thrown) {
      if (toError(thrown).code !== "refresh_required") throw thrown;
      await session.refresh();
      return session.call(call);
    }
  }
  function accept(state, journal) {
    const { state: mine, user } = present.snapshot();
    if (!user || mine && epoch === journal && state.version <= mine.version) return;
    epoch = journal;
    if (present.update({ state, user: withState(user, state) })) present.tell("state", state);
  }
  function heard(message) {
    const live = session.live();
    if (message.type === "live") session.adopt(message.live);
    if (message.type === "ended") session.end(message.why, false, message.sessionId);
    if (message.type === "ask" && live && platform.now() < live.expiresAt) tabs.send({ type: "live", live });
    connection?.hear(message);
  }
  async function restore() {
    if (tabs.isOpen && await tokens.present()) {
      tabs.send({ type: "ask" });
      await new Promise((resume) => platform.after(TABS_ANSWER_WITHIN_MS, resume));
    }
    if (session.live()) return;
    try {
      await session.restore();
    } catch (thrown) {
      if (toError(thrown).status !== 401 && !session.live()) throw thrown;
    }
  }
  function begin() {
    if (begun) return;
    begun = true;
    forgetWake = platform.onWake(() => connection?.wake());
    signOut.finish().catch(report);
  }
  function start() {
    if (begun) return;
    begin();
    stopRestoring = untilDone(platform, restore, (error) => {
      failed(error);
      session.end({ reason: "none", message: void 0 });
    });
  }
  if (options.autoStart ?? "window" in globalThis) queueMicrotask(start);
  return {
    ...account,
    start,
    ready: () => new Promise((resolve) => {
      const look = () => {
        if (present.snapshot().status === "unknown") return;
        forget();
        resolve(present.snapshot());
      };
      const forget = present.watch(look);
      look();
    }),
    close() {
      begun = true;
      stopRestoring();
      cancelRenewal();
      forgetWake();
      signOut.stop();
      connection?.follow(void 0);
      tabs.close();
    },
    snapshot: present.snapshot,
    subscribe: present.watch,
    on: present.on,
    async signIn({ email, password, device }) {
      begin();
      await signOut.settled();
      const body = { email, password, device };
      return (await session.signIn({ method: "POST", path: "/api/auth", body })).user;
    },
    async signOut({ scope = "session" } = {}) {
      if (scope === "others") {
        return session.call({ method: "POST", path: "/api/auth/logout", body: { scope } });
      }
      stopRestoring();
      const token = session.live()?.accessToken;
      session.end({ reason: "logout", message: void 0 });
      await tokens.bury(scope);
      await signOut.finish(token);
    },
    accessToken: session.accessToken,
    fetch: createFetch({ platform, session, origins: apiOrigins(base, options.apiOrigins) })
  };
}
function withState(user, state) {
  if (!state || state.version < user.version) return user;
  const { role, version, status, email_verified } = state;
  return { ...user, site_role: role, version, status, email_verified };
}
function apiOrigins(base, more = []) {
  const page = globalThis.location?.origin;
  const origins = [base, ...more].map((address) => new URL(address).origin);
  return new Set(page === void 0 ? origins : [page, ...origins]);
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
    const store = globalThis.localStorage;
    store.setItem("portcullis", "");
    store.removeItem("portcullis");
    return store;
  } catch {
    return memoryStore();
  }
}
function thisPlatform() {
  const { WebSocket, BroadcastChannel, document, navigator } = globalThis;
  return {
    fetch: (input, init) => globalThis.fetch(input, init),
    openSocket: WebSocket && ((url, protocols) => new WebSocket(url, protocols)),
    // Node's would keep the process alive.
    openChannel: document && BroadcastChannel && ((name) => new BroadcastChannel(name)),
    locks: navigator?.locks,
    // Node has a localStorage of its own, shared by everybody whom a server serves.
    store: document ? localStore() : memoryStore(),
    now: () => Date.now(),
    random: () => Math.random(),
    after(ms, run) {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
    onWake(run) {
      if (!document) return () => void 0;
      const wake = () => document.visibilityState === "visible" && run();
      const sources = [
        [globalThis, "online"],
        [globalThis, "pageshow"],
        [document, "visibilitychange"]
      ];
      for (const [target, type] of sources) target.addEventListener(type, wake);
      return () => {
        for (const [target, type] of sources) target.removeEventListener(type, wake);
      };
    },
    isVisible: () => document?.visibilityState !== "hidden"
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
