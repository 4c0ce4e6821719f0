/** The frames of `portcullis.v1`, and what a close code says. */
import type { ErrorCode } from "./errors.js";
import type { AuthState, EndReason } from "./model.js";
export declare const SUBPROTOCOL = "portcullis.v1";
/** A second offered subprotocol that begins so carries the socket token, and stands for the hello. */
export declare const TOKEN_SUBPROTOCOL = "portcullis.token.";
/** Where the client stopped reading the journal. */
export interface Position {
    readonly epoch: string;
    readonly sequence: number;
}
export interface Ready extends Position {
    readonly type: "ready";
    readonly connection_id: string;
    readonly session_id: string;
    readonly user_id: string;
    readonly state: AuthState;
    readonly heartbeat: {
        readonly interval_ms: number;
        readonly timeout_ms: number;
    };
    readonly resumed: boolean;
    readonly retry: {
        readonly min_ms: number;
        readonly max_ms: number;
    };
    readonly max_frame_bytes: number;
}
export interface StateFrame {
    readonly type: "state";
    readonly sequence: number;
    readonly reason: string;
    readonly state: AuthState;
    readonly access_token?: string;
    readonly expires_in?: number;
}
export interface EventFrame {
    readonly type: "event";
    readonly sequence: number;
    readonly name: string;
    readonly data: Readonly<Record<string, unknown>>;
}
export interface SignedOutFrame {
    readonly type: "signed_out";
    readonly code: number;
    readonly reason: EndReason;
    readonly scope: "session" | "user";
    readonly message?: string;
}
export interface TokenFrame {
    readonly type: "token";
    readonly id: number;
    readonly access_token: string;
    readonly expires_in: number;
}
export interface ErrorFrame {
    readonly type: "error";
    readonly id?: number;
    readonly code: ErrorCode;
    readonly detail: string;
}
/** What tabs tell each other as well. */
export type News = Ready | StateFrame | EventFrame;
export type ServerFrame = News | SignedOutFrame | {
    readonly type: "reconnect";
    readonly in_ms: number;
    readonly code: number;
} | {
    readonly type: "ping";
    readonly version: number;
} | TokenFrame | ErrorFrame;
export type ClientFrame = {
    readonly type: "hello";
    readonly token: string;
    readonly resume?: Position;
} | {
    readonly type: "pong";
    readonly version: number | undefined;
} | {
    readonly type: "token";
    readonly id: number;
};
/** Why a session has ended, of the close codes that tell. Where one has two reasons, the one that alarms less. */
export declare const REASONS: Readonly<Record<number, EndReason>>;
