import { createClient } from "portcullis-client";
import { computed, onScopeDispose, shallowRef } from "vue";

export const hub = createClient({ url: "http://127.0.0.1:8080" });

/** Who is signed in, with which role, and how the connection is. */
export function useSnapshot() {
  const snapshot = shallowRef(hub.snapshot());
  onScopeDispose(hub.subscribe(() => (snapshot.value = hub.snapshot())));
  return snapshot;
}

/** Whether the person holds `permission`; `undefined` until the hub has said so. */
export function usePermission(permission: string) {
  const snapshot = useSnapshot();
  return computed(() => snapshot.value.state?.permissions.includes(permission));
}
