import { RunpodUser, type StoredWorkload } from '../../local/runpod/accounts';
import { noRollouts, type RolloutRules, rollOut } from '../../local/runpod/rollouts';

describe('rollOut', () => {
  it('replaces each stale worker, and logs the start', async () => {
    const { endpoint, user } = released();

    await rollOut(endpoint, user, { ...rules(), pull: async () => ({ ok: true }) }, now);
    await settled();

    expect(workersOf(endpoint)).toEqual([
      [
        'w1-v2',
        'RUNNING',
        ['create container a/b:2', 'Status: Downloaded newer image for a/b:2', 'start container'],
      ],
      [
        'w2-v2',
        'RUNNING',
        ['create container a/b:2', 'Status: Downloaded newer image for a/b:2', 'start container'],
      ],
    ]);
  });

  it('repeats a pull that fails, while the status says nothing of it', async () => {
    const { endpoint, user } = released();
    const line = 'error pulling image: manifest unknown';

    await rollOut(endpoint, user, { ...rules(), pull: async () => ({ ok: false, line }) }, now);
    await settled();

    const [[id, status, lines = []] = []] = workersOf(endpoint);
    expect([id, status]).toEqual(['w1-v2', 'RUNNING']);
    expect(lines.filter((text) => text === line).length).toBeGreaterThan(1);
    user.workloads.serverless.length = 0;
  });

  it('stops when a newer release is made', async () => {
    const { endpoint, user } = released();

    const rolling = rollOut(endpoint, user, { ...rules(), replaceMs: 30 }, now);
    endpoint.releases = [{ id: 'rel_3', version: 3, createdAt: now(), diff: [] }];
    await rolling;

    expect(endpoint.workers?.running.map(({ id }) => id)).toEqual(['w1', 'w2']);
  });
});

function now(): Date {
  return new Date();
}

function rules(): RolloutRules {
  return { ...noRollouts(), enabled: true, replaceMs: 1, retryMs: 5 };
}

/** Lets the workers pull for a moment. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 60));
}

function released(): { endpoint: StoredWorkload; user: RunpodUser } {
  const user = new RunpodUser();
  const endpoint: StoredWorkload = {
    id: 'e1',
    name: 'e1',
    image: 'a/b:2',
    registry: null,
    workers: { min: 1, max: 2, running: [{ id: 'w1' }, { id: 'w2' }] },
    releases: [{ id: 'rel_2', version: 2, createdAt: now(), diff: [] }],
  };
  user.workloads.serverless.push(endpoint);
  return { endpoint, user };
}

function workersOf({ workers }: StoredWorkload) {
  return (workers?.running ?? []).map(
    ({ id, status, logs = [] }) => [id, status, logs.map(({ line }) => line)] as const,
  );
}
