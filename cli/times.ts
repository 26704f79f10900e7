/** Times as people read them. */

const MINUTE_MS = 60_000;

/** A length of time in hours and minutes, such as `11 h 42 min`; never negative. */
export function minutesText(ms: number): string {
  const minutes = Math.max(0, Math.floor(ms / MINUTE_MS));
  const hours = Math.floor(minutes / 60);
  return hours > 0 ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
}

/** A moment, such as `2026-11-21 19:00 UTC`. */
export function timeText(date: Date): string {
  return `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
