import type { ReceivedRequest, StandInAnswer } from '../exchange';
import type { StoredLogLine } from './accounts';

/** How often an open log stream looks for new lines, in milliseconds. */
const POLL_MS = 50;

const MAX_TAIL = 5_000;

/**
 * Answers a request for a log with server-sent events, as Runpod's specification says: the lines since `Last-Event-ID`
 * or `since`, or else the last `tail` lines. Then the stream stays open and sends new lines.
 *
 * @param lines - the log. Lines may be added while a stream is open.
 */
export function answerLog(request: ReceivedRequest, lines: readonly StoredLogLine[]): StandInAnswer {
  const source = request.query.get('source');
  const wanted = () => lines.filter((line) => source === null || line.source === source);
  const lastId = request.headers['last-event-id'];
  const resume = typeof lastId === 'string' ? lastId.split('/')[0] : request.query.get('since');
  const sinceMs = resume ? Date.parse(resume) : Number.NaN;
  const tail = Math.min(MAX_TAIL, Number(request.query.get('tail') ?? 100));
  const isWanted = ({ ts }: StoredLogLine) => ts.getTime() >= sinceMs;
  const first = Number.isNaN(sinceMs) ? wanted().slice(-tail || wanted().length) : wanted().filter(isWanted);
  return {
    status: 200,
    headers: {
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache',
      connection: 'keep-alive',
      'x-accel-buffering': 'no',
    },
    stream: () => follow(first, wanted),
  };
}

async function* follow(
  first: readonly StoredLogLine[],
  all: () => readonly StoredLogLine[],
): AsyncIterable<string> {
  let sent = all().length;
  for (const [index, line] of first.entries()) yield eventOf(line, index);
  for (;;) {
    const lines = all();
    // Without a new line nothing is sent, but the caller sees whether the connection still stands.
    yield lines.slice(sent).map(eventOf).join('');
    sent = lines.length;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS).unref());
  }
}

/** The id is the time of the line and a counter, as in the examples of the specification. */
function eventOf({ source, line, ts }: StoredLogLine, index: number): string {
  const time = ts.toISOString();
  const id = `${time}/${String(index).padStart(12, '0')}`;
  return `id: ${id}\ndata: ${JSON.stringify({ ts: time, source, line })}\n\n`;
}
