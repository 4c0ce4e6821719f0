/** What this package calls itself to the hub; `test/contract.test.ts` compares it with `package.json`. */
export declare const VERSION = "0.1.0";
