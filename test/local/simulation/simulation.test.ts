import { createSimulation } from '../../../local/simulation/simulation';
import { NotUnderstoodError } from '../../../local/simulation/template-values';
import { type FixtureChanges, fixtureTemplate } from './fixture-template';
import { at, FAILURE, failsBetween, minutesOf, REFUSED, START_MS, SUCCESS, scenario, told } from './scenario';

const ALIGNMENTS = ['sliding', 'aligned'] as const;
/** What CloudWatch leaves open: where windows fall, how far back it looks, where the schedule stands. */
const READINGS = ALIGNMENTS.flatMap((alignment) =>
  [1, 2, 4].flatMap((extraPeriods) => [0, 7, 14].map((phase) => ({ alignment, extraPeriods, phase }))),
);

describe('createSimulation', () => {
  it('runs a healthy service without a word to anybody', async () => {
    const { sim, seen } = scenario(() => SUCCESS);

    await sim.runUntil(at(48));

    expect(seen.map(({ minutes }) => minutes)).toEqual([0, 360, 720, 1080, 1440, 1800, 2160, 2520, 2880]);
    expect(seen[0]?.event).toMatchObject({ source: 'aws.events', 'detail-type': 'Scheduled Event' });
    expect(told(sim.pages)).toEqual([]);
    expect([...sim.alarmStates.values()]).not.toContain('ALARM');
  });

  it.each(READINGS)(
    'mends a failure of 50 minutes without a page: %j',
    async ({ alignment, extraPeriods, phase }) => {
      const { sim, seen } = scenario(failsBetween(at(6, phase), at(6, phase + 50)), {
        firstTickMs: at(0, phase),
        behaviour: { alignment, extraPeriods },
      });

      await sim.runUntil(at(24));

      expect(seen.filter(({ ok }) => !ok)).toHaveLength(6);
      expect(told(sim.pages)).toEqual([]);
      expect(sim.queues.get('RetryQueue')).toMatchObject({
        visible: 0,
        inFlight: 0,
        delayed: 0,
        messages: [],
      });
      expect(sim.deadLetters).toEqual([]);
    },
  );

  it.each(READINGS)('pages within 5 minutes when the key is revoked, once: %j', async (reading) => {
    const { alignment, extraPeriods, phase } = reading;
    const { sim } = scenario(failsBetween(at(6, phase), at(7, phase), REFUSED), {
      firstTickMs: at(0, phase),
      behaviour: { alignment, extraPeriods },
    });

    await sim.runUntil(at(10));

    expect(told(sim.pages)).toEqual(['OperatorActionNeeded ALARM', 'OperatorActionNeeded OK']);
    const rings = sim.pages.filter(({ alarm }) => alarm === 'OperatorActionNeeded');
    const page = rings.find(({ state }) => state === 'ALARM');
    const close = rings.find(({ from }) => from === 'ALARM');
    expect(minutesOf(page?.atMs ?? 0)).toBeLessThanOrEqual(365 + phase);
    // Mended at 7:00; the queue comes back at 7:03 and a bit.
    expect(minutesOf(close?.atMs ?? 0)).toBeLessThanOrEqual(430 + phase);
  });

  it('retries after one minute, after two, then from the queue every 15 minutes', async () => {
    const { sim, seen } = scenario(failsBetween(at(6), at(7)));

    await sim.runUntil(at(8));

    // Each try takes 2 seconds, the poller one.
    const tries = seen.slice(1).map(({ minutes }) => Math.round((minutes - 360) * 60));
    expect(tries).toEqual([0, 62, 184, 1087, 1988, 2889, 3790]);
    expect(seen.at(-1)?.ok).toBe(true);
  });

  it('hands the queue what Lambda writes about a failed event, as one record', async () => {
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

  it('lets an event rest in the dead-letter queue after 24 receives, pages, and closes when it is emptied', async () => {
    const { sim } = scenario(failsBetween(at(6), at(12, 30)));

    await sim.runUntil(at(13));
    const afterSixHours = sim.pages.filter(
      ({ alarm, state }) => alarm === 'RetriesExhausted' && state === 'ALARM',
    );
    expect(sim.deadLetters).toEqual([expect.objectContaining({ queue: 'DeadLetterQueue' })]);
    expect(afterSixHours).toHaveLength(1);

    sim.queues.get('DeadLetterQueue')?.purge();
    await sim.runUntil(at(14));

    expect(sim.deadLetters).toEqual([]);
    expect(sim.alarmStates.get('RetriesExhausted')).toBe('OK');
  });

  it('deletes what is older than the retention period, counted from its first sending', async () => {
    const { sim } = scenario(failsBetween(at(6), at(7)), {
      template: fixtureTemplate({
        RetryQueue: {
          RedrivePolicy: {
            deadLetterTargetArn: { 'Fn::GetAtt': ['DeadLetterQueue', 'Arn'] },
            maxReceiveCount: 1,
          },
        },
        DeadLetterQueue: { MessageRetentionPeriod: 3600 },
      }),
    });

    await sim.runUntil(at(7));
    expect(sim.deadLetters).toHaveLength(1);
    await sim.runUntil(at(7, 4));
    expect(sim.deadLetters).toEqual([]);
  });

  it('fails an invocation that outlasts the time-out, without its metrics', async () => {
    const template = fixtureTemplate({
      RunningSlow: { Threshold: 60_000 },
      InvokeConfig: { MaximumRetryAttempts: 0, DestinationConfig: undefined },
      Function: { Timeout: 120 },
    });
    const { sim } = scenario((nowMs) => ({ ...SUCCESS, durationMs: nowMs >= at(6) ? 120_001 : 2_000 }), {
      template,
    });

    await sim.runUntil(at(11));

    expect(sim.log.map(({ what }) => what)).toContain('failed: timed out after 120000 ms');
    expect(told(sim.warnings)).toEqual(['RunningSlow ALARM']);
    expect(told(sim.pages)).toEqual(['RefreshSilent ALARM']);
  });

  it('sends an event that a rule may not deliver to its dead-letter queue at once, and pages', async () => {
    const { sim, seen } = scenario(() => SUCCESS);
    sim.faults.lambdaDelivery(at(6), at(7), 'denied');

    await sim.runUntil(at(6, 10));

    expect(seen).toHaveLength(1);
    expect(sim.deadLetters).toEqual([
      expect.objectContaining({ queue: 'ScheduleDeadLetterQueue', arrivedMs: at(6) }),
    ]);
    expect(told(sim.pages)).toEqual(['ScheduleBroken ALARM']);
  });

  it('delivers late what could not be delivered for a moment', async () => {
    const { sim, seen } = scenario(() => SUCCESS);
    sim.faults.lambdaDelivery(at(6), at(6, 1), 'unavailable');

    await sim.runUntil(at(7));

    expect(seen.map(({ minutes }) => minutes)).toEqual([0, 361.5]);
    expect(sim.deadLetters).toEqual([]);
  });

  it('keeps a throttled event and runs it within its age', async () => {
    const { sim, seen } = scenario(() => SUCCESS);
    sim.faults.throttling(at(6), at(6, 20));

    await sim.runUntil(at(7));

    expect(seen).toHaveLength(2);
    expect(seen[1]?.minutes).toBeGreaterThanOrEqual(380);
    expect(seen[1]?.minutes).toBeLessThan(386);
  });

  it('gives up an event that is throttled for longer than its age, and the queue brings it back', async () => {
    const { sim, seen } = scenario(() => SUCCESS, {
      template: fixtureTemplate({ Rule: { ScheduleExpression: 'rate(1 day)' } }),
    });
    sim.faults.throttling(at(24), at(25, 10));

    await sim.runUntil(at(26));

    expect(sim.log.map(({ what }) => what)).toContain('event given up: EventAgeExceeded');
    expect(seen.map(({ minutes }) => Math.floor(minutes))).toEqual([0, 25 * 60 + 15]);
  });

  it('rings for silence, whether nothing runs or nothing is reported, and closes after the next success', async () => {
    for (const fault of ['scheduleSilent', 'ownMetricsLost'] as const) {
      const { sim } = scenario(() => SUCCESS);
      sim.faults[fault](at(1), at(11));

      await sim.runUntil(at(13));

      expect(told(sim.pages)).toEqual(['RefreshSilent ALARM', 'RefreshSilent OK']);
    }
  });

  it('rings at once for an alarm on silence that is created before the first success, unless it warms up', async () => {
    const early = { alarmsFromMs: START_MS, firstTickMs: at(1) };
    const warm = fixtureTemplate({
      RefreshSilent: { WarmUpConfiguration: { WarmUpPeriodDurationInMinutes: 90 } },
    });
    const [cold, warmed] = [
      scenario(() => SUCCESS, early),
      scenario(() => SUCCESS, { ...early, template: warm }),
    ];

    await Promise.all([cold.sim.runUntil(at(4)), warmed.sim.runUntil(at(4))]);

    expect(told(cold.sim.pages)).toEqual(['RefreshSilent ALARM', 'RefreshSilent OK']);
    expect(told(warmed.sim.pages)).toEqual([]);
  });

  it('looks only at complete clock periods, and no further back, where the alarm has a wall clock window', async () => {
    const template = fixtureTemplate({
      OperatorActionNeeded: { Period: 3600, EvaluationWindow: { WallClockWindow: {} } },
    });
    const { sim } = scenario(failsBetween(at(6), at(7), REFUSED), { template });

    await sim.runUntil(at(8));

    const page = sim.pages.find(({ state }) => state === 'ALARM');
    expect(page && [page.alarm, minutesOf(page.atMs)]).toEqual(['OperatorActionNeeded', 421]);
  });

  it('invokes by hand', async () => {
    const { sim, seen } = scenario(() => SUCCESS);
    await sim.runUntil(at(1));

    sim.send({ targets: ['prod'] }, 'Function');
    await sim.runUntil(at(2));

    expect(seen.at(-1)).toEqual({ minutes: 60, event: { targets: ['prod'] }, ok: true });
  });

  const sleeping: readonly [string, FixtureChanges][] = [
    ['a metric that nothing sends', { ScheduleBroken: { MetricName: 'FailedInvocation' } }],
    [
      'another service than the other alarms',
      { RefreshFailing: { Dimensions: [{ Name: 'service', Value: 'Other' }] } },
    ],
    [
      'a dimension too many',
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
      'a queue that is not there',
      { RetriesExhausted: { Dimensions: [{ Name: 'QueueName', Value: 'dead-letters' }] } },
    ],
  ];
  it.each(sleeping)('refuses an alarm that would sleep for ever: %s', (_what, changes) => {
    const creating = () =>
      createSimulation({ template: fixtureTemplate(changes), startMs: START_MS, invoke: () => SUCCESS });

    expect(creating).toThrow(NotUnderstoodError);
  });

  it('is the same every time', async () => {
    const stories = [];
    for (let run = 0; run < 2; run++) {
      const { sim } = scenario(failsBetween(at(6), at(9)));
      await sim.runUntil(at(24));
      stories.push(sim.log);
    }

    expect(stories[0]).toEqual(stories[1]);
  });

  it('simulates ten years within two seconds', async () => {
    const { sim, seen } = scenario(failsBetween(at(600), at(605)), { logLimit: 0 });
    const startedMs = performance.now();

    await sim.runUntil(at(10 * 365 * 24));

    expect(performance.now() - startedMs).toBeLessThan(2_000);
    expect(seen.length).toBeGreaterThan(14_600);
  });
});
