import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSimulation, type Simulation } from '../simulation/simulation';
import { built } from '../support/built-once';
import { eachTestIn, type World } from './world';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** The first run succeeds; the outage starts at the second one, six hours later. */
const OUTAGE_AT = 6 * HOUR;

let world: World;
let simulation: Simulation;

eachTestIn((fresh) => {
  world = fresh;
});

beforeEach(async () => {
  duringOutage = () => undefined;
  await world.deploy([{ name: 'prod' }]);
  simulation = createSimulation({
    template: synthesisedTemplate(),
    startMs: 0,
    firstTickMs: 0,
    invoke: async (event, { nowMs }) => {
      duringOutage(nowMs);
      const { error, metrics, durationMs } = await world.invoke(event);
      return { ok: error === undefined, durationMs, metrics: { ...metrics } };
    },
  });
});

/** Breaks and repairs the cloud before each invocation, by virtual time. Each test sets it. */
let duringOutage: (nowMs: number) => void;

describe('the deployed stack, in virtual time', () => {
  it('recovers from an outage of 50 minutes without a page', async () => {
    const outage = world.cloud.aws.faults;
    duringOutage = (nowMs) => {
      outage.clear();
      if (nowMs >= OUTAGE_AT && nowMs < OUTAGE_AT + 50 * MINUTE) outage.add({}, { status: 500 });
    };

    await simulation.runUntil(OUTAGE_AT + 50 * MINUTE);
    const whileDown = retriesWaiting();
    await simulation.runUntil(OUTAGE_AT + 2 * HOUR);

    expect(whileDown).toBe(1);
    expect(retriesWaiting()).toBe(0);
    expect(simulation.deadLetters).toEqual([]);
    expect(firedAlarms()).toEqual([]);
    expect(world.user.auths[0]?.updates).toBe(2);
    expect(await world.canPull('prod')).toBe(true);
  });

  it('pages within five minutes after the key is revoked and closes the page after it is valid again', async () => {
    duringOutage = (nowMs) => {
      if (nowMs >= OUTAGE_AT) world.cloud.runpod.revoke(world.apiKey);
      if (nowMs >= OUTAGE_AT + 40 * MINUTE) world.cloud.runpod.addUser(world.apiKey, { user: world.user });
    };

    await simulation.runUntil(OUTAGE_AT + 40 * MINUTE);
    const pages = firedAlarms();
    await simulation.runUntil(OUTAGE_AT + 2 * HOUR);

    expect(pages).toEqual([expect.stringMatching(/OperatorActionNeeded/)]);
    expect(firstPageMs() - OUTAGE_AT).toBeLessThanOrEqual(5 * MINUTE);
    expect(firedAlarms()).toEqual(pages);
    expect(simulation.pages.findLast(({ alarm }) => /OperatorActionNeeded/.test(alarm))).toMatchObject({
      state: 'OK',
    });
    expect(await world.canPull('prod')).toBe(true);
  });
});

/** The alarms that fired, in order. */
function firedAlarms(): string[] {
  return simulation.pages.filter(({ state }) => state === 'ALARM').map(({ alarm }) => alarm);
}

function firstPageMs(): number {
  return simulation.pages.find(({ state }) => state === 'ALARM')?.atMs ?? Number.POSITIVE_INFINITY;
}

/** Number of messages in the retry queue: visible, in flight or delayed. */
function retriesWaiting(): number {
  const queues = [...simulation.queues].filter(([id]) => id.includes('RetryQueue'));
  return queues.reduce((sum, [, { visible, inFlight, delayed }]) => sum + visible + inFlight + delayed, 0);
}

function synthesisedTemplate() {
  return JSON.parse(readFileSync(join(built('assembly'), 'EcrCredentialRefresher.template.json'), 'utf8'));
}
