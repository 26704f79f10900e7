import type { CloudWatchLogsClient, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { LOG_MESSAGES } from '../../../lambda/core/contract';
import { createReadMemory } from '../../../lambda/watch-pulls/own-log';
import { anAwsError } from '../../support/builders';
import { FakeClock, NOON } from '../../support/fake-clock';

const WINDOW = { fromMs: NOON - 10_000, toMs: NOON };
const DEADLINE = NOON + 60_000;

const finished = (atMs: number) =>
  JSON.stringify({ message: LOG_MESSAGES.watchFinished, memory: { atMs, found: [], waiting: {} } });

/** Reads the memory from pages of log lines. */
function reading(...pages: readonly (readonly string[])[]) {
  const queries: FilterLogEventsCommand['input'][] = [];
  const client = {
    send: async ({ input }: FilterLogEventsCommand) => {
      queries.push(input);
      const page = Number(input.nextToken ?? 0);
      const more = page + 1 < pages.length;
      return {
        events: pages[page]?.map((message) => ({ message })),
        ...(more && { nextToken: `${page + 1}` }),
      };
    },
  } as unknown as CloudWatchLogsClient;
  return { read: createReadMemory(client, new FakeClock(), '/log/group'), queries };
}

describe('createReadMemory', () => {
  it('returns the latest memory in the window, from all pages', async () => {
    const { read, queries } = reading(
      [finished(NOON - 9_000), finished(NOON - 2_000)],
      [],
      [finished(NOON - 5_000), finished(NOON + 1), finished(NOON - 11_000)],
    );

    expect(await read(WINDOW, DEADLINE)).toEqual({ atMs: NOON - 2_000, found: [], waiting: {} });
    expect(queries[0]).toEqual({
      logGroupName: '/log/group',
      startTime: WINDOW.fromMs,
      filterPattern: '{ $.message = "watch finished" }',
      nextToken: undefined,
    });
    expect(queries).toHaveLength(3);
  });

  it.each([
    ['no line', []],
    ['a line that is not JSON', ['START RequestId: 1']],
    [
      'a look that a person started',
      [JSON.stringify({ message: LOG_MESSAGES.watchFinished, scheduled: false })],
    ],
    ['a memory that is none', [JSON.stringify({ message: LOG_MESSAGES.watchFinished, memory: 'x' })]],
    ['a memory under another message', [finished(NOON - 1).replace(LOG_MESSAGES.watchFinished, 'other')]],
  ])('has no memory of %s', async (_, lines) => {
    expect(await reading(lines).read(WINDOW, DEADLINE)).toBeUndefined();
  });

  it('stops after twenty pages', async () => {
    const { read, queries } = reading(...Array.from({ length: 100 }, () => []));

    expect(await read(WINDOW, DEADLINE)).toBeUndefined();
    expect(queries).toHaveLength(20);
  });

  it('has no memory outside Lambda', async () => {
    const client = { send: () => Promise.reject(new Error('called')) } as unknown as CloudWatchLogsClient;

    expect(await createReadMemory(client, new FakeClock(), undefined)(WINDOW, DEADLINE)).toBeUndefined();
  });

  it('throws what a person can act on when the log may not be read', async () => {
    const client = { send: () => Promise.reject(anAwsError('AccessDeniedException', 400)) };
    const read = createReadMemory(client as unknown as CloudWatchLogsClient, new FakeClock(), '/log/group');

    await expect(read(WINDOW, DEADLINE)).rejects.toMatchObject({ reason: 'permission-missing' });
  });
});
