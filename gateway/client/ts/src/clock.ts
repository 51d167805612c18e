/** The time, and timers. Tests bring their own. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  setTimeout(run: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

// A longer timer would run at once.
const maxTimer = 2 ** 31 - 1;

export const realClock: Clock = {
  now: () => Date.now(),
  setTimeout: (run, ms) => setTimeout(run, Math.min(ms, maxTimer)),
  clearTimeout: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
};

// Milliseconds: the longest first wait, and the longest wait of all.
const firstWait = 250;
const maxWait = 15_000;

/** Milliseconds to wait before the nth attempt in a row, from 1: exponential, with full jitter. */
export function backoff(attempt: number, random: () => number): number {
  return random() * Math.min(maxWait, firstWait * 2 ** Math.min(attempt - 1, 10));
}
