/** `portcullis-client/react`: what components need, over `useSyncExternalStore`. */
import { type ReactNode } from "react";
import type { Client } from "./client.js";
import { type Events, type Snapshot } from "./events.js";
/** Gives `client` to everything inside. */
export declare function PortcullisProvider({ client, children }: {
    readonly client: Client;
    readonly children?: ReactNode;
}): import("react").FunctionComponentElement<import("react").ProviderProps<Client | undefined>>;
/** The client, for calls such as `signIn` and `signOut`. */
export declare function useClient(): Client;
/** Who is signed in, with which role, and how the connection is: rendered anew when it changes. */
export declare function useSnapshot(): Snapshot;
/** Whether the person holds `permission`; `undefined` until the hub has said so. */
export declare function usePermission(permission: string): boolean | undefined;
/** Listens for as long as the component is shown. `listener` need not be the same function each time. */
export declare function useHubEvent<T extends keyof Events>(type: T, listener: (event: Events[T]) => void): void;
