import type { PullFinding, PullProblem } from '../../../lambda/core/model';
import type { Look, NotLooked } from '../../../lambda/core/pulls/model';
import {
  confirmedWorkloads,
  emptyMemory,
  isConfirmed,
  logSinceMs,
  type Memory,
  parseMemory,
  remember,
} from '../../../lambda/watch-pulls/memory';
import { NOON } from '../../support/fake-clock';

const HOUR_MS = 3_600_000;

function aFinding(problem: PullProblem, differences: Partial<PullFinding> = {}): PullFinding {
  return { target: 'prod', workload: 'pod p1', image: 'host/worker:1', problem, detail: 'x', ...differences };
}

function aLook(findings: readonly PullFinding[], differences: Partial<Look> = {}): Look {
  return {
    workloads: ['pod p1'],
    images: 1,
    findings,
    blind: [],
    notLooked: [],
    unlisted: new Set(),
    hidden: new Set(),
    ...differences,
  };
}

/** The memories of looks at an interval of an hour. */
function memoryAfter(...looks: readonly Look[]): Memory {
  return looks.reduce(
    (before, look, index) => remember(before, look, NOON + index * HOUR_MS),
    emptyMemory(NOON, HOUR_MS),
  );
}

const notLooked = (differences: Partial<NotLooked>): Pick<Look, 'notLooked'> => ({
  notLooked: [{ target: 'prod', workload: 'pod p1', because: 'x', ...differences }],
});

describe('remember', () => {
  it.each<[string, Look[], number]>([
    ['one look', [aLook([aFinding('image-missing')])], 0],
    ['two looks in a row', [aLook([aFinding('image-missing')]), aLook([aFinding('image-missing')])], 1],
    [
      'two looks with another between them',
      [aLook([aFinding('image-missing')]), aLook([]), aLook([aFinding('image-missing')])],
      0,
    ],
    [
      'two looks with different images',
      [aLook([aFinding('image-missing')]), aLook([aFinding('image-missing', { image: 'host/worker:2' })])],
      0,
    ],
    [
      'two looks at different workloads',
      [aLook([aFinding('image-missing')]), aLook([aFinding('image-missing', { workload: 'pod p2' })])],
      0,
    ],
    [
      'two looks with different problems',
      [aLook([aFinding('image-missing')]), aLook([aFinding('wrong-auth')])],
      0,
    ],
    [
      'two looks between which the workload was not looked at',
      [
        aLook([aFinding('image-missing')]),
        aLook([], notLooked({ aspect: 'image' })),
        aLook([aFinding('image-missing')]),
      ],
      1,
    ],
    [
      'two looks and one that could not list pods',
      [
        aLook([aFinding('image-missing')]),
        aLook([aFinding('image-missing')]),
        aLook([], { unlisted: new Set(['pod prod']) }),
      ],
      1,
    ],
    [
      'two looks and one whose key may not list pods',
      [
        aLook([aFinding('image-missing')]),
        aLook([aFinding('image-missing')]),
        aLook([], { hidden: new Set(['pod prod']) }),
      ],
      1,
    ],
    [
      'two looks and one whose key may not read logs',
      [
        aLook([aFinding('image-missing')]),
        aLook([aFinding('image-missing')]),
        aLook([], { hidden: new Set(['log prod']) }),
      ],
      0,
    ],
    [
      'two looks and one that only failed to read the log',
      [
        aLook([aFinding('image-missing')]),
        aLook([aFinding('image-missing')]),
        aLook([], notLooked({ aspect: 'log' })),
      ],
      0,
    ],
    [
      'two looks and one after the workload is gone',
      [aLook([aFinding('image-missing')]), aLook([aFinding('image-missing')]), aLook([])],
      0,
    ],
  ])('confirms what was found by %s: %#', (_, looks, confirmed) => {
    expect(confirmedWorkloads(memoryAfter(...looks))).toEqual({
      pullsFailing: 0,
      imagesUnpullable: confirmed,
    });
  });

  it('confirms failed pulls whatever the image is', () => {
    const memory = memoryAfter(
      aLook([aFinding('pull-failed')]),
      aLook([aFinding('pull-failed', { image: 'host/worker:2' })]),
    );

    expect(confirmedWorkloads(memory)).toEqual({ pullsFailing: 1, imagesUnpullable: 0 });
    expect(isConfirmed(memory, aFinding('pull-failed'))).toBe(true);
  });

  it('keeps failed pulls when the key may no longer read logs', () => {
    const failed = aLook([aFinding('pull-failed')]);
    const memory = memoryAfter(failed, failed, aLook([], { hidden: new Set(['log prod']) }));

    expect(confirmedWorkloads(memory)).toEqual({ pullsFailing: 1, imagesUnpullable: 0 });
  });

  it('counts a workload once, whatever its problems are', () => {
    const look = aLook([aFinding('image-missing'), aFinding('wrong-auth')]);

    expect(confirmedWorkloads(memoryAfter(look, look))).toEqual({ pullsFailing: 0, imagesUnpullable: 1 });
  });

  it('forgets after a day what it could not look at again', () => {
    const found = aLook([aFinding('image-missing')]);
    const unseen = Array.from({ length: 24 }, () => aLook([], { unlisted: new Set(['pod prod']) }));

    expect(memoryAfter(found, found, ...unseen).found).toEqual([]);
  });
});

describe('logSinceMs', () => {
  const { atMs } = memoryAfter(aLook([]));

  it('is the moment of the look before', () => {
    expect(logSinceMs(memoryAfter(aLook([])), 'pod p1', ['prod'], atMs + HOUR_MS)).toBe(NOON);
  });

  it('is earlier for a log that was not read', () => {
    const memory = memoryAfter(aLook([]), aLook([], notLooked({ aspect: 'log' })));

    expect(logSinceMs(memory, 'pod p1', ['prod'], NOON + 2 * HOUR_MS)).toBe(NOON);
    expect(logSinceMs(memory, 'pod p2', ['prod'], NOON + 2 * HOUR_MS)).toBe(NOON + HOUR_MS);
  });

  it('is earlier for every pod when pods could not be listed', () => {
    const memory = memoryAfter(aLook([]), aLook([], { unlisted: new Set(['pod prod']) }));

    expect(logSinceMs(memory, 'pod p9', ['prod'], NOON + 2 * HOUR_MS)).toBe(NOON);
    expect(logSinceMs(memory, 'pod p9', ['other'], NOON + 2 * HOUR_MS)).toBe(NOON + HOUR_MS);
    expect(logSinceMs(memory, 'endpoint e9', ['prod'], NOON + 2 * HOUR_MS)).toBe(NOON + HOUR_MS);
  });

  it('does not go back for a log that was read in part, because its lines would count twice', () => {
    const memory = memoryAfter(aLook([]), aLook([], notLooked({ aspect: 'log', partly: true })));

    expect(logSinceMs(memory, 'pod p1', ['prod'], NOON + 2 * HOUR_MS)).toBe(NOON + HOUR_MS);
  });

  it('goes back no further than a day', () => {
    const unread = Array.from({ length: 40 }, () => aLook([], notLooked({})));
    const nowMs = NOON + 40 * HOUR_MS;

    expect(logSinceMs(memoryAfter(aLook([]), ...unread), 'pod p1', [], nowMs)).toBe(nowMs - 24 * HOUR_MS);
  });
});

describe('parseMemory', () => {
  it('reads what was written', () => {
    const memory = memoryAfter(aLook([aFinding('pull-failed')], notLooked({})));

    expect(parseMemory(JSON.parse(JSON.stringify(memory)))).toEqual(memory);
  });

  it.each([undefined, null, 'x', [], {}, { atMs: 'x', found: [] }, { atMs: 1 }])('refuses %j', (value) => {
    expect(parseMemory(value)).toBeUndefined();
  });

  it('leaves out what it does not understand', () => {
    const value = { atMs: 1, found: [null, {}, { problem: 'toString' }], waiting: { a: 'x', b: 2 } };

    expect(parseMemory(value)).toEqual({ atMs: 1, found: [], waiting: { b: 2 } });
  });

  it('stays small, however much there is to remember', () => {
    const findings = Array.from({ length: 5_000 }, (_, index) =>
      aFinding('image-missing', { workload: `endpoint ep${'x'.repeat(100)}${index}` }),
    );
    const skipped = Array.from({ length: 5_000 }, (_, index) => ({
      target: 'prod',
      workload: `pod ${'x'.repeat(100)}${index}`,
      because: 'x',
    }));

    const memory = memoryAfter(aLook(findings, { notLooked: skipped }));

    // A line of a log holds 256 KB.
    expect(JSON.stringify(memory).length).toBeLessThan(250_000);
  });
});
