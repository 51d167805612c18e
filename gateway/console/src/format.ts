import { strings } from "./strings.ts";

const numbers = new Intl.NumberFormat("en-ZA");
const clock = new Intl.DateTimeFormat("en-ZA",
  { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat("en-ZA",
  { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

const longDay = new Intl.DateTimeFormat("en-ZA", { day: "numeric", month: "short", year: "numeric" });

const longMoment = new Intl.DateTimeFormat("en-ZA",
  { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

export const dateAndTime = (at: string) => longMoment.format(new Date(at));
export const date = (at: string) => longDay.format(new Date(at));
export const count = (n: number) => numbers.format(n);
export const time = (at: string) => clock.format(new Date(at));
export const moment = (at: string) => day.format(new Date(at));

/** Says the size of a file. */
export function bytes(n: number): string {
  if (n < 1000) return strings.units.bytes(count(n));
  return n < 1_000_000 ? strings.units.kilobytes(count(Math.round(n / 1000)))
    : strings.units.megabytes(count(Math.round(n / 100_000) / 10));
}

/** Says a duration of milliseconds in words, rounded to its largest unit. */
export function duration(ms: number): string {
  const s = Math.max(1, Math.round(ms / 1000));
  if (s < 90) return strings.units.seconds(s);
  if (s < 90 * 60) return strings.units.minutes(Math.round(s / 60));
  return strings.units.hours(Math.round(s / 3600));
}
