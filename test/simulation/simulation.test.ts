import { type FixtureChanges, fixtureTemplate } from './fixture-template';
import {
  alarmChanges,
  at,
  FAILURE,
  failsBetween,
  minutesOf,
  REFUSED,
  START_MS,
  SUCCESS,
  scenario,
} from './scenario';
import { createSimulation } from './simulation';
import { NotUnderstoodError } from './template-values';

const ALIGNMENTS = ['sliding', 'aligned'] as const;
/** What CloudWatch does not specify: alignment and additional periods; and the offset of the schedule to the clock. */
const READINGS = ALIGNMENTS.flatMap((alignment) =>
  [1, 2, 4].flatMap((extraPeriods) => [0, 7, 14].map((phase) => ({ alignment, extraPeriods, phase }))),
);

describe('createSimulation', () => {
  it('sends no notification while the service is healthy', async () => {
    const { sim, seen } = scenario(() => SUCCESS);

    await sim.runUntil(at(48));

    expect(seen.map(({ minutes }) => minutes)).toEqual([0, 360, 720, 1080, 1440, 1800, 2160, 2520, 2880]);
    expect(seen[0]?.event).toMatchObject({ source: 'aws.events', 'detail-type': 'Scheduled Event' });
    expect(alarmChanges(sim.pages)).toEqual([]);
    expect([...sim.alarmStates.values()]).not.toContain('ALARM');
  });

  it.each(READINGS)(
    'recovers from a failure of 50 minutes without a page: %j',
    async ({ alignment, extraPeriods, phase }) => {
      const { sim, seen } = scenario(failsBetween(at(6, phase), at(6, phase + 50)), {
        firstTickMs: at(0, phase),
        behaviour: { alignment, extraPeriods },
      });

      await sim.runUntil(at(24));

      expect(seen.filter(({ ok }) => !ok)).toHaveLength(6);
      expect(alarmChanges(sim.pages)).toEqual([]);
      expect(sim.queues.get('RetryQueue')).toMatchObject({
        visible: 0,
        inFlight: 0,
        delayed: 0,
        messages: [],
      });
      expect(sim.deadLetters).toEqual([]);
    },
  );

  it.each(READINGS)('pages once, within 5 minutes, when the key is revoked: %j', async (reading) => {
    const { alignment, extraPeriods, phase } = reading;
    const { sim } = scenario(failsBetween(at(6, phase), at(6, phase + 35), REFUSED), {
      firstTickMs: at(0, phase),
      behaviour: { alignment, extraPeriods },
    });

    await sim.runUntil(at(10));

    expect(alarmChanges(sim.pages)).toEqual(['OperatorActionNeeded ALARM', 'OperatorActionNeeded OK']);
    const changes = sim.pages.filter(({ alarm }) => alarm === 'OperatorActionNeeded');
    const page = changes.find(({ state }) => state === 'ALARM');
    const close = changes.find(({ from }) => from === 'ALARM');
    expect(minutesOf(page?.atMs ?? 0)).toBeLessThanOrEqual(365 + phase);
    // The failure ends after 35 minutes, and the queue's next retry comes after 40.
    expect(minutesOf(close?.atMs ?? 0)).toBeLessThanOrEqual(410 + phase);
  });

  it('retries after one minute, after two more, then from the queue every 15 minutes', async () => {
    const { sim, seen } = scenario(failsBetween(at(6), at(7)));

    await sim.runUntil(at(8));

    // Each attempt takes 2 seconds, and each poll 1 second.
    const attempts = seen.slice(1).map(({ minutes }) => Math.round((minutes - 360) * 60));
    expect(attempts).toEqual([0, 62, 184, 607, 1508, 2409, 3310, 4211]);
    expect(seen.at(-1)?.ok).toBe(true);
  });

  it('sends the record that Lambda writes of a failed event to the queue', async () => {
    const { sim, seen } = scenario(failsBetween(at(6), at(6, 40)));

    await sim.runUntil(at(7));

    const [scheduled, queued] = [seen[1]?.event, seen[5]?.event as { Records: { body: string }[] }];
    expect(queued.Records).toEqual([
      expect.objectContaining({
        eventSource: 'aws:sqs',
        attributes: expect.objectContaining({ ApproximateReceiveCount: '2' }),
      }),
    ]);
    expect(JSON.parse(queued.Records[0]?.body ?? '')).toMatchObject({
      version: '1.0',
      requestContext: { condition: 'RetriesExhausted', approximateInvokeCount: 3 },
      requestPayload: scheduled,
      responseContext: { functionError: 'Unhandled' },
      responsePayload: { errorMessage: FAILURE.error },
    });
  });

  it('evaluates only complete clock periods, without additional ones, for an alarm with a wall clock window', async () => {
    const template = fixtureTemplate({
      OperatorActionNeeded: { Period: 3600, EvaluationWindow: { WallClockWindow: {} } },
    });
    const { sim } = scenario(failsBetween(at(6), at(7), REFUSED), { template });

    await sim.runUntil(at(8));

    const page = sim.pages.find(({ state }) => state === 'ALARM');
    expect(page && [page.alarm, minutesOf(page.atMs)]).toEqual(['OperatorActionNeeded', 421]);
  });

  it('invokes a function by hand', async () => {
    const { sim, seen } = scenario(() => SUCCESS);
    await sim.runUntil(at(1));

    sim.send({ targets: ['prod'] }, 'Function');
    await sim.runUntil(at(2));

    expect(seen.at(-1)).toEqual({ minutes: 60, event: { targets: ['prod'] }, ok: true });
  });

  const silent: readonly [string, FixtureChanges][] = [
    ['a metric that nothing sends', { ScheduleBroken: { MetricName: 'FailedInvocation' } }],
    [
      'a different service than the other alarms',
      { RefreshFailing: { Dimensions: [{ Name: 'service', Value: 'Other' }] } },
    ],
    [
      'one dimension too many',
      {
        RefreshFailing: {
          Dimensions: [
            { Name: 'service', Value: 'Refresher' },
            { Name: 'target', Value: 'prod' },
          ],
        },
      },
    ],
    [
      'a queue that does not exist',
      { RetriesExhausted: { Dimensions: [{ Name: 'QueueName', Value: 'dead-letters' }] } },
    ],
  ];
  it.each(silent)('throws for an alarm that could never fire: %s', (_what, changes) => {
    const creating = () =>
      createSimulation({ template: fixtureTemplate(changes), startMs: START_MS, invoke: () => SUCCESS });

    expect(creating).toThrow(NotUnderstoodError);
  });

  it('gives the same log every time', async () => {
    const logs = [];
    for (let run = 0; run < 2; run++) {
      const { sim } = scenario(failsBetween(at(6), at(9)));
      await sim.runUntil(at(24));
      logs.push(sim.log);
    }

    expect(logs[0]).toEqual(logs[1]);
  });

  it('simulates ten years within seconds', async () => {
    const { sim, seen } = scenario(failsBetween(at(600), at(605)), { logLimit: 0 });
    const startedMs = performance.now();

    await sim.runUntil(at(10 * 365 * 24));

    expect(performance.now() - startedMs).toBeLessThan(15_000);
    expect(seen.length).toBeGreaterThan(14_600);
  });
});
