import { strings } from "./strings.ts";

const numbers = new Intl.NumberFormat("en-ZA");
const clock = new Intl.DateTimeFormat("en-ZA",
  { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat("en-ZA",
  { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

export const count = (n: number) => numbers.format(n);
export const time = (at: string) => clock.format(new Date(at));
export const moment = (at: string) => day.format(new Date(at));

/** Says a duration of milliseconds in words, rounded to its largest unit. */
export function duration(ms: number): string {
  const s = Math.max(1, Math.round(ms / 1000));
  if (s < 90) return strings.units.seconds(s);
  if (s < 90 * 60) return strings.units.minutes(Math.round(s / 60));
  return strings.units.hours(Math.round(s / 3600));
}
