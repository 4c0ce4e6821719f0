// node run.mjs plain-page|react|vue|express|node|watch      runs one of the examples in JavaScript.

import { once } from "node:events";
import { pageServer, program } from "./bundle.mjs";

const [name = ""] = process.argv.slice(2);
const PORT = Number(process.env.PORT ?? 3000);

if (["plain-page", "react", "vue"].includes(name)) {
  const server = await pageServer(name);
  server.listen(PORT, "127.0.0.1");
  await once(server, "listening");
  console.log(`http://127.0.0.1:${PORT}/`);
} else if (["express", "node", "watch"].includes(name)) {
  await import(await program(name));
} else {
  console.error("usage: node run.mjs plain-page|react|vue|express|node|watch");
  process.exit(2);
}
