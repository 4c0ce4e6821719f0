import express, { type ErrorRequestHandler, type RequestHandler } from "express";
import { bearer, createHub, PortcullisError } from "portcullis-client/server";

const hub = createHub({
  url: process.env.HUB_URL ?? "http://127.0.0.1:8080",
  serviceKey: process.env.HUB_KEY, // with the scope `introspect`
});

/** 401 without a good access token; 403 without one of `roles` at its making, where there are any. */
function signedIn(...roles: string[]): RequestHandler {
  return async (request, response, next) => {
    const token = bearer(request.headers.authorization) ?? "";
    response.locals.claims = await hub.verify(token, roles.length > 0 ? { role: roles } : {});
    next();
  };
}

/** 403 without `permission` at this moment: the hub is asked. */
function holds(permission: string): RequestHandler {
  return async (request, response, next) => {
    const token = bearer(request.headers.authorization) ?? "";
    response.locals.claims = await hub.introspect(token, { permission });
    next();
  };
}

const refuse: ErrorRequestHandler = (error, _request, response, next) => {
  if (!(error instanceof PortcullisError)) return next(error);
  const status = { invalid_token: 401, forbidden: 403 }[error.code as string] ?? 503; // 503: the hub is away
  if (status === 401) response.set("WWW-Authenticate", "Bearer");
  response.status(status).json({ code: error.code });
};

const app = express();
app.get("/orders", signedIn(), (_request, response) => {
  response.json({ user: response.locals.claims.sub });
});
app.post("/orders", signedIn("editor", "admin"), (_request, response) => {
  response.json({ role: response.locals.claims.role });
});
app.delete("/orders", signedIn(), holds("orders:write"), (_request, response) => {
  response.json({ permissions: response.locals.claims.permissions });
});
app.use(refuse);
app.listen(Number(process.env.PORT ?? 3000), "127.0.0.1");
