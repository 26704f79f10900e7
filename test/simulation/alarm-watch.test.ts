import fc from 'fast-check';
import { type AlarmState, decideState, isBreaching } from './alarm-state';
import { AlarmWatch, type Transition } from './alarm-watch';
import { EventQueue } from './event-queue';
import { LevelSeries, type MetricSeries, PointSeries } from './metric-series';
import { MetricStore } from './metric-store';
import type { AlarmResource } from './template-alarm';
import type { Alignment } from './window';

const MINUTE_MS = 60_000;
const END_MINUTES = 400;
const KEEP_MS = 2 * END_MINUTES * MINUTE_MS;
const metric = { namespace: 'N', name: 'M', dimensions: {} };

const alarms: fc.Arbitrary<AlarmResource> = fc
  .record({
    statistic: fc.constantFrom('Sum' as const, 'Minimum' as const, 'Maximum' as const, 'Average' as const),
    periodMs: fc.constantFrom(1, 5, 7, 20).map((minutes) => minutes * MINUTE_MS),
    evaluationPeriods: fc.integer({ min: 1, max: 5 }),
    breachingDatapoints: fc.integer({ min: 1, max: 5 }),
    comparison: fc.constantFrom('GreaterThanOrEqualToThreshold' as const, 'LessThanThreshold' as const),
    missingData: fc.constantFrom(...(['missing', 'ignore', 'breaching', 'notBreaching'] as const)),
    wallClock: fc.boolean(),
  })
  .map(({ breachingDatapoints, ...alarm }) => ({
    ...alarm,
    id: 'Alarm',
    metric,
    threshold: 1,
    datapointsToAlarm: Math.min(breachingDatapoints, alarm.evaluationPeriods),
    alarmTopics: [],
    okTopics: [],
  }));

const readings = fc.record({
  alignment: fc.constantFrom<Alignment>('sliding', 'aligned'),
  extraPeriods: fc.integer({ min: 0, max: 3 }),
  delayMs: fc.constantFrom(0, 61_000, 4 * MINUTE_MS),
});

const values = fc.array(
  fc.record({ second: fc.integer({ min: 0, max: 60 * 80 }), value: fc.integer({ min: 0, max: 1 }) }),
  { maxLength: 12 },
);

type Reading = typeof readings extends fc.Arbitrary<infer Value> ? Value : never;

/** Evaluates the alarm every minute, as CloudWatch does. */
function everyMinute(alarm: AlarmResource, { alignment, extraPeriods }: Reading, series: MetricSeries) {
  const changes: [number, AlarmState][] = [];
  let state: AlarmState = 'INSUFFICIENT_DATA';
  for (let minute = 0; minute <= END_MINUTES; minute++) {
    const points = series.periods(
      {
        evaluatedAtMs: minute * MINUTE_MS,
        alignment: alarm.wallClock ? 'aligned' : alignment,
        periodMs: alarm.periodMs,
        periods: alarm.evaluationPeriods + (alarm.wallClock ? 0 : extraPeriods),
      },
      alarm.statistic,
    );
    const judged = points.map(({ age, value }) => ({ age, breaching: isBreaching(value, alarm) }));
    const next = decideState(alarm, judged, state);
    if (next !== state) changes.push([minute, next]);
    state = next;
  }
  return changes;
}

async function watched(
  alarm: AlarmResource,
  { delayMs, ...reading }: Reading,
  sendAll: (events: EventQueue, metrics: MetricStore) => void,
) {
  const events = new EventQueue(0);
  const metrics = new MetricStore(delayMs, KEEP_MS);
  const transitions: Transition[] = [];
  const options = { ...reading, evaluationDelayMs: 0 };
  const onTransition = (transition: Transition) => void transitions.push(transition);
  new AlarmWatch({ alarm, events, metrics, options, createdMs: 0, onTransition }).start();
  sendAll(events, metrics);
  await events.runUntil(END_MINUTES * MINUTE_MS);
  return transitions.map(({ atMs, state }) => [atMs / MINUTE_MS, state]);
}

describe('AlarmWatch', () => {
  it('changes state in the same minutes as an alarm that is evaluated every minute', async () => {
    await fc.assert(
      fc.asyncProperty(alarms, readings, values, async (alarm, reading, sent) => {
        const series = new PointSeries(KEEP_MS);
        for (const { second, value } of sent)
          series.add(second * 1_000, second * 1_000 + reading.delayMs, value);

        const changes = await watched(alarm, reading, (events, metrics) => {
          for (const { second, value } of sent) {
            events.at(second * 1_000, () => metrics.put(metric, second * 1_000, value));
          }
        });

        expect(changes).toEqual(everyMinute(alarm, reading, series));
      }),
      { numRuns: 200 },
    );
  });

  it('changes state in the same minutes also for a level that is sampled every minute', async () => {
    await fc.assert(
      fc.asyncProperty(alarms, readings, values, async (alarm, reading, sent) => {
        const steps = sent
          .map(({ second, value }) => ({ atMs: second * 1_000, value: second % 5 === 0 ? undefined : value }))
          .sort((a, b) => a.atMs - b.atMs);
        const series = new LevelSeries(KEEP_MS, reading.delayMs);
        for (const { atMs, value } of steps) series.set(atMs, value);

        const changes = await watched(alarm, reading, (events, metrics) => {
          for (const { atMs, value } of steps) events.at(atMs, () => metrics.level(metric, atMs, value));
        });

        expect(changes).toEqual(everyMinute(alarm, reading, series));
      }),
      { numRuns: 80 },
    );
  });
});
