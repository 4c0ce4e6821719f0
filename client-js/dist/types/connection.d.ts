/** The connection of this script: a socket of its own, or, where tabs share one, that of the tab that leads. */
import type { Core } from "./core.js";
import type { OpenSocket } from "./platform.js";
/** Where `shared`, and where there are Web Locks, one tab has the socket for all. */
export declare function createConnection(core: Core, openSocket: OpenSocket, shared: boolean): {
    isOpen: () => boolean;
    read: (epoch: string, sequence: number) => boolean;
    connect: () => Promise<void>;
    stop(forgets?: boolean): void;
    wake(): void;
    token(): Promise<import("./frames.js").TokenFrame | undefined> | undefined;
    /** Connects for the session `next`, or for nobody. */
    follow(next?: string): void;
    /** Tells a tab that was opened later how things are. */
    tell(): void;
    /** Does what other tabs ask for. */
    heard: {
        news(session: string, epoch: string, frame: import("./frames.js").News): void;
        leads: () => void;
        connection(connection: import("./events.js").Connection): void;
    };
};
export type Connect = ReturnType<typeof createConnection>;
