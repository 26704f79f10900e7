import { spawn } from 'node:child_process';

/** The result of one process. */
export interface ProcessRun {
  /** Time from the start of the process to its answer, or to its end when it prints none. */
  readonly ms: number;
  readonly peakKb: number;
}

/** A command to measure. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Runs a command once as a process.
 *
 * @throws Error when its answer does not contain `"ok":true`
 */
export async function runProcess({ file, args, env }: Command): Promise<ProcessRun> {
  const startedAt = performance.now();
  const child = spawn(file, args, {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  let answeredAt: number | undefined;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (/"ok": ?true/.test(output)) answeredAt ??= performance.now();
  });
  await new Promise((resolve) => child.once('close', resolve));
  const ms = (answeredAt ?? performance.now()) - startedAt;
  const answer = output.split('\n').find((line) => line.includes('"ok"'));
  if (answer === undefined) return { ms, peakKb: 0 };
  const { ok, peakKb } = JSON.parse(answer) as { ok: boolean; peakKb: number };
  if (!ok) throw new Error(`${file} ${args.join(' ')} did not do its work: ${answer}`);
  return { ms, peakKb };
}

/**
 * Runs commands in turn (A B A B …), so that a change of the machine's speed affects all of them.
 *
 * The first round does not count.
 */
export async function inTurn(commands: readonly Command[], rounds: number): Promise<ProcessRun[][]> {
  const runs: ProcessRun[][] = commands.map(() => []);
  for (let round = 0; round <= rounds; round += 1) {
    for (const [index, command] of commands.entries()) {
      const run = await runProcess(command);
      if (round > 0) runs[index]?.push(run);
    }
  }
  return runs;
}

/** Minimum, median and maximum of some values. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** Returns minimum, median and maximum. @param values - at least one */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
  return { min: at(0), median: at(0.5), max: at(1) };
}

/** Fits a straight line to points. @returns slope, intercept, and r2, the share of the variance that the line explains */
export function straightLine(points: readonly (readonly [x: number, y: number])[]): {
  readonly slope: number;
  readonly intercept: number;
  readonly r2: number;
} {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const meanX = mean(points.map(([x]) => x));
  const meanY = mean(points.map(([, y]) => y));
  const sum = (term: (x: number, y: number) => number) =>
    points.reduce((total, [x, y]) => total + term(x, y), 0);
  const slope = sum((x, y) => (x - meanX) * (y - meanY)) / sum((x) => (x - meanX) ** 2);
  const intercept = meanY - slope * meanX;
  const residual = sum((x, y) => (y - slope * x - intercept) ** 2);
  return { slope, intercept, r2: 1 - residual / sum((_, y) => (y - meanY) ** 2) };
}
