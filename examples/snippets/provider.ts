import type { Client } from "portcullis-client";

declare const hub: Client;
declare function addButton(name: string, clicked: () => unknown): void;

// As the README has it:
for (const { id, name } of await hub.providers()) {
  addButton(name, () => hub.signInWithProvider(id, { redirectTo: `${location.origin}/welcome` }));
}
