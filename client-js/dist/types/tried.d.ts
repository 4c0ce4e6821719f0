/** What `run` gives; `undefined` where it throws. */
export declare function tried<Result>(run: () => Result): Result | undefined;
