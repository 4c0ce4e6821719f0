/** What the JSON in `text` says; `undefined` where there is none, or it is a page of a proxy. */
export declare function readJson(text?: string | null): unknown;
