/** Runs `run` once at a time: whoever asks while it runs gets the same answer. */
export declare function shared<Result, Parameters extends unknown[]>(run: (...parameters: Parameters) => Promise<Result>): (...parameters: Parameters) => Promise<Result>;
