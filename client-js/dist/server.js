// src/hub.ts
import { verify } from "node:crypto";

// src/claims.ts
var MAX_LENGTH = 8 * 1024;
var LEEWAY_S = 5;
var MAX_FUTURE_S = 60;
function takeApart(token) {
  const parts = token.split(".");
  if (token.length > MAX_LENGTH || parts.length !== 3) return void 0;
  const [head = "", payload = "", signature = ""] = parts;
  const header = readObject(head);
  const isOurs = header?.["typ"] === "at+jwt" && header["alg"] === "EdDSA" && Object.keys(header).length === 3;
  const kid = header?.["kid"];
  if (!isOurs || typeof kid !== "string") return void 0;
  return { kid, payload, message: `${head}.${payload}`, signature: Buffer.from(signature, "base64url") };
}
function readClaims(payload, issuer, nowSeconds) {
  const claims = readObject(payload);
  if (!claims) return void 0;
  const texts = ["iss", "aud", "sub", "client_id", "sid", "jti", "role"];
  const numbers = ["iat", "exp", "auth_time", "ver"];
  const amr = claims["amr"];
  const isWhole = texts.every((name) => typeof claims[name] === "string") && numbers.every((name) => Number.isSafeInteger(claims[name])) && Array.isArray(amr) && amr.every((method) => typeof method === "string");
  if (!isWhole) return void 0;
  const known = claims;
  const isMeant = known.iss === issuer && known.aud === issuer && known.client_id === "portcullis";
  const isOfNow = known.exp + LEEWAY_S > nowSeconds && known.iat < nowSeconds + MAX_FUTURE_S;
  return isMeant && isOfNow ? known : void 0;
}
function readObject(part) {
  if (!/^[\w-]+$/.test(part)) return void 0;
  try {
    const value = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? value : void 0;
  } catch {
    return void 0;
  }
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

// src/keys.ts
import { createPublicKey } from "node:crypto";
var KEPT_MS = 5 * 6e4;
var LOOK_AGAIN_MS = 5e3;
function createKeys(send, now) {
  let keys = /* @__PURE__ */ new Map();
  let fetchedAt = Number.NEGATIVE_INFINITY;
  let triedAt = Number.NEGATIVE_INFINITY;
  let fetching;
  async function fetchKeys() {
    triedAt = now();
    const set = await send({ path: "/.well-known/jwks.json" });
    const usable = set.keys.filter((key) => key.kty === "OKP" && key.crv === "Ed25519" && key.kid !== void 0);
    keys = new Map(usable.map((key) => [key.kid ?? "", createPublicKey({ key, format: "jwk" })]));
    fetchedAt = triedAt;
  }
  return async (kid) => {
    const isStale = now() - fetchedAt >= KEPT_MS;
    const mayLook = now() - triedAt >= LOOK_AGAIN_MS;
    if (fetching || isStale || !keys.has(kid) && mayLook) {
      if (!fetching && !mayLook) {
        throw new PortcullisError("unavailable", "the hub's keys cannot be fetched", { status: 503 });
      }
      fetching ??= fetchKeys().finally(() => {
        fetching = void 0;
      });
      await fetching;
    }
    return keys.get(kid);
  };
}

// src/hub.ts
function bearer(header) {
  return /^Bearer +([\w.-]+)$/i.exec(header ?? "")?.[1];
}
function createHubOn(platform, { url, internalUrl = url, serviceKey }) {
  const issuer = url.replace(/\/+$/, "");
  const send = createSend(internalUrl.replace(/\/+$/, ""), platform);
  const keyOf = createKeys(send, platform.now);
  const segment = encodeURIComponent;
  async function asService(method, path, body) {
    if (serviceKey === void 0) throw new TypeError("createHub needs a serviceKey for this call");
    return send({ method, path, body, token: serviceKey });
  }
  return {
    async verify(token, { role } = {}) {
      const parts = takeApart(token);
      const key = parts && await keyOf(parts.kid);
      const isSigned = key && verify(null, Buffer.from(parts.message), key, parts.signature);
      const claims = isSigned ? readClaims(parts.payload, issuer, platform.now() / 1e3) : void 0;
      if (!claims) throw new PortcullisError("invalid_token", "this is no valid access token", { status: 401 });
      const roles = typeof role === "string" ? [role] : role;
      if (roles && !roles.includes(claims.role)) throw forbidden(`one of the roles ${roles.join(", ")}`);
      return claims;
    },
    async introspect(token, { permission } = {}) {
      const found = await asService("POST", "/api/auth/introspect", new URLSearchParams({ token }));
      if (!found.active || found.token_type !== "Bearer") {
        throw new PortcullisError("invalid_token", "this token is worth nothing now", { status: 401 });
      }
      if (permission !== void 0 && !found.permissions.includes(permission)) {
        throw forbidden(`the permission ${permission}`);
      }
      return found;
    },
    revoke(whose, { reason, message, dryRun, wait, timeoutMs }) {
      const query = new URLSearchParams();
      if (wait !== void 0) query.set("wait", wait);
      if (timeoutMs !== void 0) query.set("timeout_ms", String(timeoutMs));
      const body = { ...whose, reason, message, dry_run: dryRun };
      return asService("POST", `/api/revocations${query.size > 0 ? `?${query}` : ""}`, body);
    },
    receipt: (id) => asService("GET", `/api/revocations/${segment(id)}`),
    assignRole: (id, role) => asService("PUT", `/api/users/${segment(id)}/site_role`, { role })
  };
}
function forbidden(missing) {
  return new PortcullisError("forbidden", `needs ${missing}`, { status: 403 });
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

// src/server.ts
function createHub(options) {
  return createHubOn(thisPlatform(), options);
}
export {
  PortcullisError,
  bearer,
  createHub
};
