/** What the JSON in `text` says; `undefined` where it says nothing, or is a page of a proxy. */
export declare function readJson(text: string): unknown;
