/** What workers do after a release: they are replaced one after another, and each new one pulls its image. */

import { recogniseFailedPull } from '../../lambda/core/pulls/failed-pull';
import type { RunpodUser, StoredLogLine, StoredWorker, StoredWorkload } from './accounts';

/** The result of one pull. */
export type SimulatedPull =
  | { readonly ok: true }
  /** `line` is what the system log says, as at Runpod. */
  | { readonly ok: false; readonly line: string };

/** How workers change over. */
export interface RolloutRules {
  /** Whether workers change over at all. Otherwise a test changes them itself. */
  enabled: boolean;
  /** Time until a stale worker is replaced, in milliseconds. Infinity: it is busy and never ends. */
  replaceMs: number;
  /** Time between two pulls that fail, in milliseconds. */
  retryMs: number;
  /** What the status of a worker is while its pulls fail. At Runpod it says nothing about the pull. */
  failingStatus: NonNullable<StoredWorker['status']>;
  /** Pulls an image with the credential of a registry auth. A promise that never resolves is a pull that never ends. */
  pull(image: string, registryAuthId: string | null, user: RunpodUser): Promise<SimulatedPull>;
}

/** Returns the rules with which nothing happens by itself. */
export function noRollouts(): RolloutRules {
  return {
    enabled: false,
    replaceMs: 200,
    retryMs: 1_500,
    failingStatus: 'RUNNING',
    pull: async () => ({ ok: true }),
  };
}

/** Replaces the workers of an endpoint, one after another, as long as no newer release is made. */
export async function rollOut(
  endpoint: StoredWorkload,
  user: RunpodUser,
  rules: RolloutRules,
  now: () => Date,
): Promise<void> {
  const version = endpoint.releases?.[0]?.version ?? 1;
  const isCurrent = () =>
    endpoint.releases?.[0]?.version === version && user.workloads.serverless.includes(endpoint);
  const running = endpoint.workers?.running ?? [];
  for (const stale of [...running]) {
    if (!Number.isFinite(rules.replaceMs)) return;
    await pause(rules.replaceMs);
    const at = running.indexOf(stale);
    if (!isCurrent() || at < 0) return;
    const logs: StoredLogLine[] = [];
    const worker = { id: `${stale.id.replace(/-v\d+$/, '')}-v${version}`, version, logs };
    running[at] = { ...worker, status: 'INITIALIZING' };
    const log = (line: string) => logs.push({ source: 'system', line, ts: now() });
    log(`create container ${endpoint.image}`);
    void pullUntilItWorks({ endpoint, user, rules, log, isCurrent }, (status) => {
      const index = running.findIndex(({ id }) => id === worker.id);
      if (index >= 0) running[index] = { ...worker, status };
    });
  }
}

interface Pulling {
  readonly endpoint: StoredWorkload;
  readonly user: RunpodUser;
  readonly rules: RolloutRules;
  readonly log: (line: string) => void;
  readonly isCurrent: () => boolean;
}

async function pullUntilItWorks(
  { endpoint, user, rules, log, isCurrent }: Pulling,
  setStatus: (status: NonNullable<StoredWorker['status']>) => void,
): Promise<void> {
  while (isCurrent()) {
    const result = await rules.pull(endpoint.image, endpoint.registry, user);
    if (!isCurrent()) return;
    if (result.ok) {
      log(`Status: Downloaded newer image for ${endpoint.image}`);
      log('start container');
      return setStatus('RUNNING');
    }
    log(recogniseFailedPull(result.line) ? result.line : `error pulling image: ${result.line}`);
    setStatus(rules.failingStatus);
    await pause(rules.retryMs);
  }
}

/** Waits without keeping the process alive. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
