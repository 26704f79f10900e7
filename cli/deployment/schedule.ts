/** When the schedule of a rule fires next. */

const MINUTE_MS = 60_000;

/** The longest time from one run to the next, in minutes: a rule with fixed times fires every day. */
const MAX_MINUTES = 24 * 60;

/**
 * Returns when a schedule with fixed times fires next.
 *
 * @param expression - such as `cron(13 3/6 * * ? *)`, in UTC (EventBridge User Guide, "Cron expressions")
 * @returns undefined for a rate, and for a schedule that does not fire every day
 */
export function nextFixedTime(expression: string, now: Date): Date | undefined {
  const [minutes, hours, ...days] = /^cron\((.*)\)$/.exec(expression.trim())?.[1]?.trim().split(/\s+/) ?? [];
  if (minutes === undefined || hours === undefined || days.length !== 4) return undefined;
  if (!days.every((field) => field === '*' || field === '?')) return undefined;
  const [isMinute, isHour] = [matcherOf(minutes, 59), matcherOf(hours, 23)];
  if (!isMinute || !isHour) return undefined;
  const startMs = (Math.floor(now.getTime() / MINUTE_MS) + 1) * MINUTE_MS;
  for (let after = 0; after < MAX_MINUTES; after += 1) {
    const time = new Date(startMs + after * MINUTE_MS);
    if (isMinute(time.getUTCMinutes()) && isHour(time.getUTCHours())) return time;
  }
  return undefined;
}

/** Returns what a field matches; undefined when it is not understood. @param last - the largest value of the field */
function matcherOf(field: string, last: number): ((value: number) => boolean) | undefined {
  const parts = field.split(',').map((part) => rangeOf(part, last));
  const known = parts.filter((part) => part !== undefined);
  if (known.length < parts.length) return undefined;
  return (value) =>
    known.some(({ from, to, step }) => value >= from && value <= to && (value - from) % step === 0);
}

/** Parses one of `*`, `13`, `2-5`, `3/6` and `2-20/6`. */
function rangeOf(part: string, last: number) {
  const [, first, end, step] = /^(\*|\d+)(?:-(\d+))?(?:\/(\d+))?$/.exec(part) ?? [];
  if (first === undefined || step === '0') return undefined;
  const from = first === '*' ? 0 : Number(first);
  const isOne = first !== '*' && end === undefined && step === undefined;
  return { from, to: isOne ? from : Number(end ?? last), step: Number(step ?? 1) };
}
