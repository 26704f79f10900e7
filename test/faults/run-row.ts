import type { RefreshReport } from '../../lambda/core/model';
import type { ReceivedRequest } from '../../local/exchange';
import type { Invocation } from '../../local/lambda-runtime';
import { World } from '../integration/world';
import type { FaultRow, Outcome } from './fault-row';
import { startRawServer } from './raw-server';
import { runInSecondProcess } from './second-process';

/** The result of one row. */
export interface RowResult {
  readonly row: FaultRow;
  readonly outcome: Outcome;
  /** Everything that was wrong. Empty when the row passed. */
  readonly problems: readonly string[];
  readonly durationMs: number;
}

/** Runs one row with new stand-ins and a process that starts cold. */
export async function runRow(row: FaultRow): Promise<RowResult> {
  const world = await World.start();
  const restV2 = row.restV2 && (await startRawServer(row.restV2));
  const startedMs = performance.now();
  try {
    row.arrange?.(world);
    const rawUrl = restV2 && { restV2Url: restV2.url };
    const targets = row.targets ?? [{ name: 'prod' }];
    await world.deploy(targets, { ...row.runpod, ...rawUrl });
    if (row.afterFirstRun) {
      await world.invoke();
      await row.afterFirstRun(world);
    }
    const [own, second] = await Promise.all([
      world.invoke(row.event, row.timeoutMs ?? 60_000),
      row.twice && runInSecondProcess(world, targets),
    ]);
    const invocations = second ? [own, second.invocation] : [own];
    const outcome = distinct(invocations.map((invocation) => outcomeOf(world, invocation)));
    const problems = await Promise.all(invocations.map((one) => problemsOf(world, row, one)));
    const unexpected = outcome === row.expected ? [] : [`expected "${row.expected}"`];
    return {
      row,
      outcome,
      problems: [...unexpected, ...new Set([...problems.flat(), ...(second?.leaks ?? [])])],
      durationMs: performance.now() - startedMs,
    };
  } finally {
    await restV2?.close();
    await world.stop();
  }
}

/** Returns what is wrong, apart from the outcome. Some checks hold in every row. */
async function problemsOf(
  world: World,
  row: FaultRow,
  invocation: Invocation<RefreshReport>,
): Promise<string[]> {
  const leaks = world.leaks().map(({ secret, form }) => `${secret} leaked, ${form}`);
  const deleted = world.user.deletes > 0 ? ['something was deleted'] : [];
  const canPull = !invocation.ok || (await canPullAll(world, invocation.result));
  const ownCheck = row.check?.(world, invocation);
  return [
    ...leaks,
    ...deleted,
    ...(canPull ? [] : ['a worker cannot pull']),
    ...(ownCheck ? [ownCheck] : []),
  ];
}

function outcomeOf(world: World, { result, error, logs }: Invocation<RefreshReport>): Outcome {
  if (result) {
    return distinct(
      result.refreshed.map(
        ({ route, verified }) => `refreshed over ${route}, ${verified ? 'proved' : 'unproved'}`,
      ),
    );
  }
  const sent = effectOf(world);
  if (error?.errorType !== 'RefreshFailedError') return `${error?.errorType}, ${sent}`;
  const failures = logs.filter(({ message }) => message === 'target failed');
  return `${distinct(failures.map(({ kind, reason }) => `failed as ${reason ?? kind}`))}, ${sent}`;
}

function effectOf(world: World): string {
  if (!world.cloud.runpod.requests.some(isWrite)) return 'nothing sent';
  return world.user.auths.every(({ password }) => password === 'old') ? 'old one kept' : 'written';
}

function isWrite({ method, operation }: ReceivedRequest): boolean {
  return method === 'PATCH' || (method === 'POST' && operation !== 'myself');
}

/** Returns whether workers can pull with every refreshed credential, from a registry without faults. */
async function canPullAll(world: World, { refreshed }: RefreshReport): Promise<boolean> {
  world.cloud.registry.faults.clear();
  const names = refreshed.map(({ registryAuthId }) => world.user.find(registryAuthId)?.name ?? '');
  const pulls = await Promise.all(names.map((name) => world.canPull(name)));
  return pulls.every(Boolean);
}

function distinct(texts: readonly string[]): string {
  return [...new Set(texts)].sort().join(' + ');
}
