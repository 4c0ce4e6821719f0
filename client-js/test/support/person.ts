/** A client in a tab, and everything that its events have told. */

import { type Client, type ClientOptions, createClientOn } from "../../src/client.js";
import type { Events } from "../../src/events.js";
import type { FakeWindow } from "./window.js";
import { settle, type Tab, type World } from "./world.js";

export type Told = { [T in keyof Events]: [T, Events[T]] }[keyof Events];

export interface Person {
  readonly client: Client;
  readonly tab: Tab;
  readonly told: Told[];
  /** The events of one type. */
  of<T extends keyof Events>(type: T): Events[T][];
}

export async function open(world: World, options: Partial<ClientOptions> = {}, window?: FakeWindow): Promise<Person> {
  const tab = world.tab(window);
  const client = createClientOn(tab.platform, { url: "https://hub.example.org", ...options });
  const told: Told[] = [];
  const listen = <T extends keyof Events>(type: T) => {
    client.on(type, (event) => told.push([type, event] as unknown as Told));
  };
  for (const type of ["signedIn", "signedOut", "state", "event", "connection", "linked", "error"] as const) listen(type);
  client.start();
  await world.advance(50);
  const of = <T extends keyof Events>(type: T) =>
    told.filter(([name]) => name === type).map(([, event]) => event as Events[T]);
  return { client, tab, told, of };
}

/** A person who is signed in and whose socket is open. */
export async function signedIn(world: World, options: Partial<ClientOptions> = {}): Promise<Person> {
  world.hub.isSignedIn = true;
  const person = await open(world, options);
  person.tab.socket.ready();
  await settle();
  return person;
}
