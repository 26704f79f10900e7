import { LOG_MESSAGES } from '../../../lambda/core/contract';
import { TransientError } from '../../../lambda/core/errors';
import type { PullWatchSettings } from '../../../lambda/core/model';
import { createWatchHandler } from '../../../lambda/watch-pulls/handler';
import { emptyMemory } from '../../../lambda/watch-pulls/memory';
import type { MemoryWindow, ReadMemory } from '../../../lambda/watch-pulls/own-log';
import { aLambdaContext, someSettings } from '../../support/builders';
import { captureTelemetry } from '../../support/captured-telemetry';
import { FakeClock, NOON } from '../../support/fake-clock';

const MINUTE_MS = 60_000;
const scheduled = (time: string) => ({ source: 'aws.events', 'detail-type': 'Scheduled Event', time });

/** Invokes the watch once for a configuration without targets. */
async function invoke(
  event: unknown,
  {
    pullWatch,
    readMemory = async () => undefined,
  }: { readonly pullWatch?: PullWatchSettings; readonly readMemory?: ReadMemory } = {},
) {
  const clock = new FakeClock();
  const telemetry = captureTelemetry();
  const windows: MemoryWindow[] = [];
  const never = () => {
    throw new Error('nothing to ask without targets');
  };
  const handler = createWatchHandler({
    settings: someSettings({ targets: [], ...(pullWatch && { pullWatch }) }),
    services: {
      clock,
      createSecretReader: () => never,
      issueCredential: never,
      inspectImage: never,
      workloadsOf: never,
    },
    readMemory: (window, deadlineMs) => {
      windows.push(window);
      return readMemory(window, deadlineMs);
    },
    logger: telemetry.logger,
    publishMetrics: telemetry.publishMetrics,
  });
  const report = await handler(event, aLambdaContext());
  const [finished] = telemetry.logLines();
  return { report, finished, published: telemetry.published(), windows };
}

describe('createWatchHandler', () => {
  it('takes the time of the schedule as the moment of the look', async () => {
    const { finished, windows } = await invoke(scheduled('2026-11-21T11:58:00Z'));

    const atMs = NOON - 2 * MINUTE_MS;
    expect(finished).toMatchObject({
      message: LOG_MESSAGES.watchFinished,
      scheduled: true,
      memory: { atMs },
    });
    expect(windows).toEqual([{ fromMs: atMs - 195 * MINUTE_MS, toMs: atMs - 30 * MINUTE_MS }]);
  });

  it('looks for the look before within three intervals', async () => {
    const pullWatch = { ignore: [], intervalMinutes: 15 };

    const { windows } = await invoke(scheduled('2026-11-21T12:00:00Z'), { pullWatch });

    expect(windows).toEqual([{ fromMs: NOON - 60 * MINUTE_MS, toMs: NOON - 7.5 * MINUTE_MS }]);
  });

  it.each(['2026-11-20T12:00:00Z', '2026-11-22T12:00:00Z', 'soon'])(
    'takes its own time when the time of the event is %s',
    async (time) => {
      const { finished } = await invoke(scheduled(time));

      expect(finished).toMatchObject({ scheduled: true, memory: { atMs: NOON } });
    },
  );

  it.each([[{}], [undefined], [null], ['x'], [{ source: 'me' }]])(
    'neither remembers nor sends metrics for the event %j',
    async (event) => {
      const { finished, published } = await invoke(event);

      expect(finished).toMatchObject({ message: LOG_MESSAGES.watchFinished, scheduled: false });
      expect(finished).not.toHaveProperty('memory');
      expect(published).toBeUndefined();
    },
  );

  it('sends both metrics, as zero when there is nothing to say', async () => {
    const { published, report } = await invoke(scheduled('2026-11-21T12:00:00Z'));

    expect(published).toMatchObject({ PullsFailing: 0, ImagesUnpullable: 0 });
    expect(report).toEqual({ workloads: 0, images: 0, blind: [], findings: [] });
  });

  it('says why the look before could not be read, and sends no metrics', async () => {
    const readMemory = () => Promise.reject(new TransientError('logs:FilterLogEvents: no answer'));

    const { finished, published, report } = await invoke(scheduled('2026-11-21T12:00:00Z'), { readMemory });

    expect(finished?.memoryUnread).toBe('logs:FilterLogEvents: no answer');
    expect(published).toBeUndefined();
    expect(report.findings).toEqual([]);
  });

  it('forgets problems of workloads that are gone', async () => {
    const found = {
      target: 'prod',
      workload: 'pod p1',
      problem: 'pull-failed',
      image: 'x',
      seenMs: NOON - 60 * MINUTE_MS,
      confirmed: true,
    } as const;
    const readMemory = async () => ({ ...emptyMemory(NOON, 0), found: [found] });

    const { published } = await invoke(scheduled('2026-11-21T12:00:00Z'), { readMemory });

    expect(published).toMatchObject({ PullsFailing: 0 });
  });
});
