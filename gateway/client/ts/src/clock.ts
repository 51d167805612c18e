/** The time, and how to wait for it; tests bring their own. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  setTimeout(run: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

// A timer of more than this runs at once.
const longest = 2 ** 31 - 1;

export const realClock: Clock = {
  now: () => Date.now(),
  setTimeout: (run, ms) => setTimeout(run, Math.min(ms, longest)),
  clearTimeout: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
};

const base = 250;
const cap = 15_000;

/** How long to wait before the nth attempt in a row, from 1: exponential, with full jitter. */
export function backoff(attempt: number, random: () => number): number {
  return random() * Math.min(cap, base * 2 ** Math.min(attempt - 1, 10));
}
