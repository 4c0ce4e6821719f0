// src/react.ts
import { createContext, createElement, useContext, useEffect, useRef, useSyncExternalStore } from "react";

// src/events.ts
var UNKNOWN = { status: "unknown", connection: { state: "idle" } };

// src/react.ts
var ClientContext = createContext(void 0);
function PortcullisProvider({ client, children }) {
  return createElement(ClientContext.Provider, { value: client }, children);
}
function useClient() {
  const client = useContext(ClientContext);
  if (!client) throw new Error("useClient needs a PortcullisProvider around it");
  return client;
}
function useSnapshot() {
  const { subscribe, snapshot } = useClient();
  return useSyncExternalStore(subscribe, snapshot, () => UNKNOWN);
}
function usePermission(permission) {
  return useSnapshot().state?.permissions.includes(permission);
}
function useHubEvent(type, listener) {
  const client = useClient();
  const newest = useRef(listener);
  useEffect(() => {
    newest.current = listener;
  });
  useEffect(() => client.on(type, (event) => newest.current(event)), [client, type]);
}
export {
  PortcullisProvider,
  useClient,
  useHubEvent,
  usePermission,
  useSnapshot
};
