import type { ServerResponse } from 'node:http';
import type { PullWatchSettings, WatchReport } from '../../lambda/core/model';
import type { Fault, FaultWhen } from '../../local/faults';
import type { Invocation } from '../../local/lambda-runtime';
import { FAILED_PULL, WatchWorld } from '../integration/watch-world';
import type { TargetSketch } from '../integration/world';

/** One fault of the watch with its expected outcome. */
export interface WatchRow {
  /** What goes wrong. Unique among all rows of the watch. */
  readonly what: string;
  /** The problems found, then what was not looked at, such as `pull-failed; not looked at: log`. */
  readonly expected: string;
  /** @default - one target with a registry auth id */
  readonly targets?: readonly TargetSketch[] | ((watch: WatchWorld) => Promise<readonly TargetSketch[]>);
  readonly pullWatch?: Partial<PullWatchSettings>;
  /** Adds workloads and faults, after the watch is deployed. */
  readonly arrange: (watch: WatchWorld) => void | Promise<void>;
  /** The function's timeout. @default - a minute */
  readonly timeoutMs?: number;
  /** It waits for a timeout, so it runs only with `npm run faults`. */
  readonly slow?: true;
  /** Checks what else must hold. Returns what is wrong, or undefined. */
  readonly check?: (watch: WatchWorld, invocation: Invocation<WatchReport>) => string | undefined;
}

/** A group of rows with a heading. */
export interface WatchGroup {
  readonly about: string;
  readonly rows: readonly WatchRow[];
}

/** The result of one row. */
export interface WatchRowResult {
  readonly row: WatchRow;
  readonly outcome: string;
  /** Everything that was wrong. Empty when the row passed. */
  readonly problems: readonly string[];
  readonly durationMs: number;
}

/** Runs one row with new stand-ins and a process that starts cold. */
export async function runWatchRow(row: WatchRow): Promise<WatchRowResult> {
  const watch = await WatchWorld.start();
  const startedMs = performance.now();
  try {
    const targets = typeof row.targets === 'function' ? await row.targets(watch) : row.targets;
    await watch.deploy(targets, row.pullWatch);
    await row.arrange(watch);
    const invocation = await watch.look({ timeoutMs: row.timeoutMs ?? 60_000 });
    const outcome = outcomeOf(invocation);
    return {
      row,
      outcome,
      problems: [
        ...(outcome === row.expected ? [] : [`expected "${row.expected}"`]),
        ...problemsOf(watch, row, invocation),
      ],
      durationMs: performance.now() - startedMs,
    };
  } finally {
    await watch.stop();
  }
}

/** Returns what is wrong, apart from the outcome. Some checks hold in every row. */
function problemsOf(watch: WatchWorld, row: WatchRow, invocation: Invocation<WatchReport>): string[] {
  const leaks = watch.world.leaks().map(({ secret, form }) => `${secret} leaked, ${form}`);
  const writes = [...watch.cloud.runpod.requests, ...watch.cloud.registry.requests].filter(
    ({ method }) => method !== 'GET' && method !== 'HEAD',
  );
  const long = invocation.output.split('\n').filter((line) => line.length > 4_000).length;
  const own = row.check?.(watch, invocation);
  return [
    ...leaks,
    ...writes.map(({ method, path }) => `sent ${method} ${path}`),
    ...(long > 0 ? ['a line of the log is longer than 4,000 characters'] : []),
    // Control characters in the output: whatever JSON escapes, and characters that reverse the text direction.
    ...(/\\u00[01]|[\u0080-\u009F\u202A-\u202E]/.test(invocation.output)
      ? ['a control character is shown']
      : []),
    ...(own ? [own] : []),
  ];
}

function outcomeOf({ result, error, logs, metrics }: Invocation<WatchReport>): string {
  if (!result) return `threw ${error?.errorType}`;
  const problems = distinct(result.findings.map(({ problem }) => problem)) || 'nothing';
  const skipped = logs.filter(({ message }) => message === 'not looked at');
  const aspects = distinct(
    skipped.map(({ aspect = 'list', partly }) => `${aspect}${partly === true ? ' (partly)' : ''}`),
  );
  return [
    problems,
    ...(result.blind.length > 0 ? ['blind'] : []),
    ...(aspects ? [`not looked at: ${aspects}`] : []),
    ...(Object.keys(metrics).length === 0 ? ['no metrics'] : []),
  ].join('; ');
}

function distinct(texts: readonly string[]): string {
  return [...new Set(texts)].sort().join(' + ');
}

/** Adds a fault to Runpod. @param times - number of requests; unlimited by default */
export function runpod(when: FaultWhen, fault: Fault, times?: number): (watch: WatchWorld) => void {
  return ({ cloud }) => void cloud.runpod.faults.add(when, fault, times);
}

/** Adds a fault to ECR's registry. */
export function registry(when: FaultWhen, fault: Fault, times?: number): (watch: WatchWorld) => void {
  return ({ cloud }) => void cloud.registry.faults.add(when, fault, times);
}

/** Adds one pod, whose image is good and whose log is served as the function says. */
export function podLog(serve: (response: ServerResponse) => void): (watch: WatchWorld) => void {
  return (watch) => {
    watch.addPod();
    watch.cloud.runpod.faults.add({ path: /\/logs$/ }, { serve });
  };
}

/** Starts a log stream that stays open. */
export function openStream(response: ServerResponse, ...parts: readonly string[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.flushHeaders();
  for (const part of parts) response.write(part);
}

/** An event of a log stream. @param fields - replace `source`, `line` or `ts` */
export function event(fields: Readonly<Record<string, unknown>> = {}): string {
  const ts = new Date(Date.now() - 60_000).toISOString();
  return `id: ${ts}/1\ndata: ${JSON.stringify({ ts, source: 'system', line: FAILED_PULL, ...fields })}\n\n`;
}
