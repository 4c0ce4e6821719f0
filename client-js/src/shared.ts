/** Runs `run` once at a time: whoever asks while it runs gets the same answer. */
export function shared<Result, Parameters extends unknown[]>(
  run: (...parameters: Parameters) => Promise<Result>,
): (...parameters: Parameters) => Promise<Result> {
  let running: Promise<Result> | undefined;
  return (...parameters) =>
    (running ??= run(...parameters).finally(() => {
      running = undefined;
    }));
}
