import { count, locales, say, sayCount, strings } from "./strings.ts";

const text = strings.units;

// Months are numbers where the browser does not know their names in this language.
const month = Intl.DateTimeFormat.supportedLocalesOf(locales[0]!).length ? "short" : "2-digit";
const dates = (o: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(locales, { hourCycle: "h23", ...o });

const clock = dates({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = dates({ day: "numeric", month, hour: "2-digit", minute: "2-digit" });
const longDay = dates({ day: "numeric", month, year: "numeric" });
const longMoment = dates({ day: "numeric", month, year: "numeric", hour: "2-digit", minute: "2-digit" });
const parts = new Intl.NumberFormat(locales, { style: "percent" });

export { count };
export const dateAndTime = (at: string) => longMoment.format(new Date(at));
export const date = (at: string) => longDay.format(new Date(at));
export const time = (at: string) => clock.format(new Date(at));
export const moment = (at: string) => day.format(new Date(at));
export const percent = (n: number) => parts.format(n / 100);

/** Says the size of a file. */
export function bytes(n: number): string {
  if (n < 1000) return sayCount(text.bytes, n);
  return n < 1_000_000 ? say(text.kilobytes, { n: Math.round(n / 1000) })
    : say(text.megabytes, { n: Math.round(n / 100_000) / 10 });
}

/** Says a duration of milliseconds in words, rounded to its largest unit. */
export function duration(ms: number): string {
  const s = Math.max(1, Math.round(ms / 1000));
  if (s < 90) return sayCount(text.seconds, s);
  if (s < 90 * 60) return sayCount(text.minutes, Math.round(s / 60));
  return sayCount(text.hours, Math.round(s / 3600));
}
