/** A backend on Node without a framework: verifies access tokens, and ends sessions by a service key. */

import { createServer } from "node:http";
import { bearer, createHub, PortcullisError } from "portcullis-client/server";

export function createBackend(url: string, serviceKey?: string) {
  const hub = createHub({ url, ...(serviceKey !== undefined && { serviceKey }) });
  return createServer(async (request, response) => {
    const answer = (status: number, body: object) => response.writeHead(status).end(JSON.stringify(body));
    try {
      const claims = await hub.verify(bearer(request.headers.authorization) ?? "", { role: ["editor", "admin"] });
      if (request.method === "POST") await hub.revoke({ session_id: claims.sid }, { reason: "asked for" });
      answer(200, { user: claims.sub, role: claims.role });
    } catch (error) {
      if (!(error instanceof PortcullisError)) throw error;
      answer(error.status || 503, { code: error.code });
    }
  });
}
