/** Formats numbers and times for people. */

const MINUTE_MS = 60_000;

/** Formats a length of time in hours and minutes, such as `11 h 42 min`. A negative length is `0 min`. */
export function formatDuration(ms: number): string {
  const minutes = Math.max(0, Math.floor(ms / MINUTE_MS));
  const hours = Math.floor(minutes / 60);
  return hours > 0 ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
}

/** Formats a time, such as `2026-11-21 19:00 UTC`. */
export function formatTime(date: Date): string {
  return `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** Formats a number with its noun, such as `1 target` or `2 targets`. */
export function formatCount(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
