import { createServer } from "node:http";
import { bearer, createHub, PortcullisError } from "portcullis-client/server";

const hub = createHub({
  url: process.env.HUB_URL ?? "http://127.0.0.1:8080",
  serviceKey: process.env.HUB_KEY, // with the scope `introspect`
});

/** What each request is answered, for the person whose token it brings. */
const routes: Record<string, (token: string) => Promise<object>> = {
  "GET /orders": async (token) => ({ user: (await hub.verify(token)).sub }),
  "POST /orders": async (token) => ({ role: (await hub.verify(token, { role: ["editor", "admin"] })).role }),
  "DELETE /orders": async (token) => {
    await hub.verify(token); // refuses what is no access token without asking
    return { permissions: (await hub.introspect(token, { permission: "orders:write" })).permissions };
  },
};

const server = createServer(async (request, response) => {
  const answer = (status: number, body: object, headers = {}) =>
    response.writeHead(status, { "Content-Type": "application/json", ...headers }).end(JSON.stringify(body));
  const route = routes[`${request.method} ${request.url}`];
  if (!route) return answer(404, { code: "not_found" });
  try {
    answer(200, await route(bearer(request.headers.authorization) ?? ""));
  } catch (error) {
    const code = error instanceof PortcullisError ? error.code : "internal";
    if (code === "internal") console.error(error);
    const status = { invalid_token: 401, forbidden: 403, internal: 500 }[code as string] ?? 503; // 503: the hub is away
    answer(status, { code }, status === 401 ? { "WWW-Authenticate": "Bearer" } : {});
  }
});
server.listen(Number(process.env.PORT ?? 3000), "127.0.0.1");
