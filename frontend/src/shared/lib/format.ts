/** Numbers and times as people read them. */
const KIB = 1024;
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

export function bytes(count: number): string {
  let value = count;
  let unit = 0;
  while (value >= KIB && unit < UNITS.length - 1) {
    value /= KIB;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit] ?? ""}`;
}

/** `42 s`, `3 min 20 s`, `1 h 05 min`; below ten seconds with a tenth. */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${Math.max(0, seconds).toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min${whole % 60 ? ` ${whole % 60} s` : ""}`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

const SECOND = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hour12: false });

/** The time of day of a moment in seconds since 1970; without its seconds where they are none. */
export function clockOf(seconds: number): string {
  const told = SECOND.format(new Date(seconds * 1000));
  return told.endsWith(":00") ? told.slice(0, -3) : told;
}

/** The hour today; the day as well, before. */
export function moment(iso: string, now = new Date()): string {
  const at = new Date(iso);
  const clock = CLOCK.format(at);
  return at.toDateString() === now.toDateString() ? clock : `${DAY.format(at)}, ${clock}`;
}

/** A day such as 2026-11-28, in words; with its year where that is not this one. */
export function dayLabel(day: string, now = new Date()): string {
  const [year = 0, month = 1, date = 1] = day.split("-").map(Number);
  const at = new Date(year, month - 1, date);
  return year === now.getFullYear() ? DAY.format(at) : `${DAY.format(at)} ${year}`;
}

export const fullMoment = (iso: string) => MOMENT.format(new Date(iso));

export const percent = (share: number) => `${Math.round(share * 100)} %`;

export const plural = (count: number, one: string, many = `${one}s`) =>
  `${count.toLocaleString()} ${count === 1 ? one : many}`;

export const classes = (...names: (string | false | null | undefined)[]) =>
  names.filter(Boolean).join(" ");
