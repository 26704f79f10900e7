import { EventQueue } from './event-queue';
import { fixtureTemplate } from './fixture-template';
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

describe('Simulation', () => {
  it('moves an event to the dead-letter queue after 24 receives, pages, and ends the alarm when the queue is emptied', async () => {
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

  it('deletes a message when its retention period is over, counted from the first send', async () => {
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

  it('fails an invocation that reaches the timeout, and loses its metrics', async () => {
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
    expect(alarmChanges(sim.warnings)).toEqual(['RunningSlow ALARM']);
    expect(alarmChanges(sim.pages)).toEqual(['RefreshSilent ALARM']);
  });

  it('delivers an event twice, the second time later and with the same content', async () => {
    const { sim, seen } = scenario(() => SUCCESS);
    sim.faults.deliveredTwice(at(6), at(7), 4 * 60_000);

    await sim.runUntil(at(12));

    expect(seen.map(({ minutes }) => minutes)).toEqual([0, 360, 364, 720]);
    expect(seen[2]?.event).toEqual(seen[1]?.event);
  });

  it('sends an event that a rule may not deliver to the dead-letter queue at once, and pages', async () => {
    const { sim, seen } = scenario(() => SUCCESS);
    sim.faults.lambdaDelivery(at(6), at(7), 'denied');

    await sim.runUntil(at(6, 10));

    expect(seen).toHaveLength(1);
    expect(sim.deadLetters).toEqual([
      expect.objectContaining({ queue: 'ScheduleDeadLetterQueue', arrivedMs: at(6) }),
    ]);
    expect(alarmChanges(sim.pages)).toEqual(['ScheduleBroken ALARM']);
  });

  it('delivers an event late when Lambda is unavailable for a minute', async () => {
    const { sim, seen } = scenario(() => SUCCESS);
    sim.faults.lambdaDelivery(at(6), at(6, 1), 'unavailable');

    await sim.runUntil(at(7));

    expect(seen.map(({ minutes }) => minutes)).toEqual([0, 361.5]);
    expect(sim.deadLetters).toEqual([]);
  });

  it('keeps a throttled event and runs it within the age limit', async () => {
    const { sim, seen } = scenario(() => SUCCESS);
    sim.faults.throttling(at(6), at(6, 20));

    await sim.runUntil(at(7));

    expect(seen).toHaveLength(2);
    expect(seen[1]?.minutes).toBeGreaterThanOrEqual(380);
    expect(seen[1]?.minutes).toBeLessThan(386);
  });

  it('gives up an event that is throttled beyond the age limit, and retries it from the queue', async () => {
    const { sim, seen } = scenario(() => SUCCESS, {
      template: fixtureTemplate({ Rule: { ScheduleExpression: 'rate(1 day)' } }),
    });
    sim.faults.throttling(at(24), at(25, 10));

    await sim.runUntil(at(26));

    expect(sim.log.map(({ what }) => what)).toContain('event given up: EventAgeExceeded');
    expect(seen.map(({ minutes }) => Math.floor(minutes))).toEqual([0, 25 * 60 + 22]);
  });

  it('pages for silence when nothing runs or nothing is reported, and ends the alarm after the next success', async () => {
    for (const fault of ['scheduleSilent', 'ownMetricsLost'] as const) {
      const { sim } = scenario(() => SUCCESS);
      sim.faults[fault](at(1), at(11));

      await sim.runUntil(at(13));

      expect(alarmChanges(sim.pages)).toEqual(['RefreshSilent ALARM', 'RefreshSilent OK']);
    }
  });

  it('evaluates no alarm while CloudWatch is down, and pages for the lost metrics when it is back', async () => {
    const { sim } = scenario(() => SUCCESS);
    sim.faults.cloudWatchDown(at(5), at(17));

    await sim.runUntil(at(17));
    expect(alarmChanges(sim.pages)).toEqual([]);
    await sim.runUntil(at(19));

    expect(alarmChanges(sim.pages)).toEqual(['RefreshSilent ALARM', 'RefreshSilent OK']);
    expect(minutesOf(sim.pages.find(({ state }) => state === 'ALARM')?.atMs ?? 0)).toBe(17 * 60 + 1);
  });

  it('counts a metric that is sent from elsewhere', async () => {
    const { sim } = scenario(() => FAILURE);
    for (const hours of [0, 6, 12]) sim.countFromElsewhere('RunSucceeded', at(hours));

    await sim.runUntil(at(19));
    expect(alarmChanges(sim.pages)).not.toContain('RefreshSilent ALARM');
    await sim.runUntil(at(21));

    expect(alarmChanges(sim.pages)).toContain('RefreshSilent ALARM');
  });

  it('shares one virtual time among several simulations', async () => {
    const events = new EventQueue(START_MS);
    const template = fixtureTemplate({ Rule: { ScheduleExpression: 'cron(0 3/6 * * ? *)' } });
    const [first, second] = [
      scenario(() => SUCCESS, { events }),
      scenario(() => SUCCESS, { events, template }),
    ];

    await events.runUntil(at(12));

    expect([first, second].map(({ seen }) => seen.map(({ minutes }) => minutes / 60))).toEqual([
      [0, 6, 12],
      [3, 9],
    ]);
    expect(first.sim.nowMs).toBe(second.sim.nowMs);
  });

  it('pages at once when an alarm on silence is created before the first success, unless it warms up', async () => {
    const early = { alarmsFromMs: START_MS, firstTickMs: at(1) };
    const warm = fixtureTemplate({
      RefreshSilent: { WarmUpConfiguration: { WarmUpPeriodDurationInMinutes: 90 } },
    });
    const [cold, warmed] = [
      scenario(() => SUCCESS, early),
      scenario(() => SUCCESS, { ...early, template: warm }),
    ];

    await Promise.all([cold.sim.runUntil(at(4)), warmed.sim.runUntil(at(4))]);

    expect(alarmChanges(cold.sim.pages)).toEqual(['RefreshSilent ALARM', 'RefreshSilent OK']);
    expect(alarmChanges(warmed.sim.pages)).toEqual([]);
  });

  it.each(['sliding', 'aligned'] as const)(
    'ends every alarm once after the first success, with %s windows',
    async (alignment) => {
      const { sim } = scenario(failsBetween(at(6), at(8), REFUSED), { behaviour: { alignment } });

      await sim.runUntil(at(8));
      sim.send({}, 'Function');
      await sim.runUntil(at(20));

      expect(alarmChanges(sim.pages).sort()).toEqual(
        ['OperatorActionNeeded', 'RefreshFailing', 'RefreshSilent'].flatMap((id) => [
          `${id} ALARM`,
          `${id} OK`,
        ]),
      );
    },
  );

  it('shows that an alarm on a sum pages again after the fix, because its window still holds failures', async () => {
    const template = fixtureTemplate({ RefreshFailing: { Statistic: 'Sum' } });
    const { sim } = scenario(failsBetween(at(6), at(8)), { template });

    await sim.runUntil(at(20));

    expect(alarmChanges(sim.pages).filter((line) => line === 'RefreshFailing ALARM').length).toBeGreaterThan(
      1,
    );
  });

  it('shows that one period of a minute misses a late metric, and that five periods do not', async () => {
    const once = fixtureTemplate({ OperatorActionNeeded: { EvaluationPeriods: 1 } });
    const late = { behaviour: { metricDelayMs: 5 * 60_000 } };
    const [onePeriod, fivePeriods] = [once, fixtureTemplate()].map((template) =>
      scenario(failsBetween(at(6), at(6, 30), REFUSED), { ...late, template }),
    );

    await onePeriod?.sim.runUntil(at(8));
    await fivePeriods?.sim.runUntil(at(8));

    expect(alarmChanges(onePeriod?.sim.pages ?? [])).toEqual([]);
    expect(alarmChanges(fivePeriods?.sim.pages ?? [])).toEqual([
      'OperatorActionNeeded ALARM',
      'OperatorActionNeeded OK',
    ]);
  });
});
