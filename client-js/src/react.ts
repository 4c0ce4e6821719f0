/** `portcullis-client/react`: what components need, over `useSyncExternalStore`. */

import { createContext, createElement, type ReactNode, useContext, useEffect, useRef, useSyncExternalStore } from "react";
import type { Client } from "./client.js";
import { type Events, type Snapshot, UNKNOWN } from "./events.js";

const ClientContext = createContext<Client | undefined>(undefined);

/** Gives `client` to everything inside. */
export function PortcullisProvider({ client, children }: { readonly client: Client; readonly children?: ReactNode }) {
  return createElement(ClientContext.Provider, { value: client }, children);
}

/** The client, for calls such as `signIn` and `signOut`. */
export function useClient(): Client {
  const client = useContext(ClientContext);
  if (!client) throw new Error("useClient needs a PortcullisProvider around it");
  return client;
}

/** Who is signed in, with which role, and how the connection is: rendered anew when it changes. */
export function useSnapshot(): Snapshot {
  const { subscribe, snapshot } = useClient();
  return useSyncExternalStore(subscribe, snapshot, () => UNKNOWN);
}

/** Whether the person holds `permission`; `undefined` until the hub has said so. */
export function usePermission(permission: string): boolean | undefined {
  return useSnapshot().state?.permissions.includes(permission);
}

/** Listens for as long as the component is shown. `listener` need not be the same function each time. */
export function useHubEvent<T extends keyof Events>(type: T, listener: (event: Events[T]) => void): void {
  const client = useClient();
  const newest = useRef(listener);
  useEffect(() => {
    newest.current = listener;
  });
  useEffect(() => client.on(type, (event) => newest.current(event)), [client, type]);
}
