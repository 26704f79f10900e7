import { AwsError, type JsonInput } from './protocol';

/** A line of a log group. */
interface LogEvent {
  readonly timestamp: number;
  readonly message: string;
}

const PAGE_SIZE = 50;

/** CloudWatch Logs, as far as a function reads its own log. */
export class LogsStandIn {
  readonly #groups = new Map<string, LogEvent[]>();

  /** Appends lines to a log group, and creates it where it is missing. */
  put(group: string, at: Date, lines: readonly string[]): void {
    const events = lines.map((message) => ({ timestamp: at.getTime(), message }));
    this.#groups.set(group, [...(this.#groups.get(group) ?? []), ...events]);
  }

  /** Empties a log group, as if its retention period were over. */
  forget(group: string): void {
    this.#groups.set(group, []);
  }

  /** Answers `FilterLogEvents`. Of filter patterns it understands `{ $.message = "…" }` and no pattern. */
  filterLogEvents({ logGroupName, startTime, filterPattern, nextToken }: JsonInput): object {
    const events = this.#groups.get(String(logGroupName));
    if (!events) throw new AwsError('ResourceNotFoundException', 'The specified log group does not exist.');
    const wanted = /\$\.message = "([^"]*)"/.exec(String(filterPattern ?? ''))?.[1];
    const matching = events.filter(
      ({ timestamp, message }) =>
        timestamp >= Number(startTime ?? 0) &&
        (wanted === undefined || message.includes(`"message":"${wanted}"`)),
    );
    const from = Number(nextToken ?? 0);
    const more = from + PAGE_SIZE < matching.length;
    return {
      events: matching.slice(from, from + PAGE_SIZE),
      ...(more && { nextToken: String(from + PAGE_SIZE) }),
    };
  }
}
