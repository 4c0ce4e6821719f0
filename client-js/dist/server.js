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
    const set = await send("GET /.well-known/jwks.json");
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
  const issuer = trimmed(url);
  const base = trimmed(internalUrl);
  const send = createSend(base, platform);
  const sendForm = createSend(base, { fetch: (address, init) => platform.fetch(address, asForm(init)) });
  const keyOf = createKeys(send, platform.now);
  function key() {
    if (serviceKey === void 0) throw new TypeError("createHub needs a serviceKey for this call");
    return serviceKey;
  }
  async function asService(route, body) {
    return send(route, body, { token: key() });
  }
  return {
    async verify(token, { role } = {}) {
      const parts = takeApart(token);
      const signer = parts && await keyOf(parts.kid);
      const isSigned = signer && verify(null, Buffer.from(parts.message), signer, parts.signature);
      const claims = isSigned ? readClaims(parts.payload, issuer, platform.now() / 1e3) : void 0;
      if (!claims) throw new PortcullisError("invalid_token", "this is no valid access token", { status: 401 });
      const roles = typeof role === "string" ? [role] : role;
      if (roles && !roles.includes(claims.role)) throw forbidden(`one of the roles ${roles.join(", ")}`);
      return claims;
    },
    async introspect(token, { permission } = {}) {
      const found = await sendForm("POST /api/auth/introspect", { token }, { token: key() });
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
      return asService(`POST /api/revocations${query.size > 0 ? `?${query}` : ""}`, body);
    },
    receipt: (id) => asService(`GET /api/revocations/${segment(id)}`),
    assignRole: (id, role) => asService(`PUT /api/users/${segment(id)}/site_role`, { role })
  };
}
function asForm(init = {}) {
  const headers = { ...init.headers, "Content-Type": "application/x-www-form-urlencoded" };
  return { ...init, headers, body: new URLSearchParams(JSON.parse(init.body)) };
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

// src/server.ts
function createHub(options) {
  return createHubOn(thisPlatform(), options);
}
export {
  PortcullisError,
  bearer,
  createHub
};
