/** Numbers as the pictures say them. */

/** Returns an interval as it follows "every": `hour`, `6 hours`, `15 minutes`. */
export function formatInterval(minutes: number): string {
  if (minutes % 60 === 0) return minutes === 60 ? 'hour' : `${minutes / 60} hours`;
  return minutes === 1 ? 'minute' : `${minutes} minutes`;
}

/** Returns a number of days: `1 day`, `14 days`. */
export function formatDays(days: number): string {
  return days === 1 ? '1 day' : `${days} days`;
}
