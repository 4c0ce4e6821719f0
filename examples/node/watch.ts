import { createClient, memoryStore, type SocketLike } from "portcullis-client";
import WebSocket from "ws";

const hub = createClient({
  url: process.env.HUB_URL ?? "http://127.0.0.1:8080",
  storage: memoryStore(),
  socket: (url, protocols) => new WebSocket(url, protocols) as SocketLike,
});

hub.on("state", ({ role }) => console.log(`role: ${role}`));
hub.on("signedOut", ({ reason }) => {
  console.log(`signed out: ${reason}`);
  hub.close();
});

await hub.signIn({ email: process.env.EMAIL ?? "", password: process.env.PASSWORD ?? "" });
