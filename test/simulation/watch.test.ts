import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SETTINGS_FILE } from '../../lambda/core/contract';
import type { RefresherSettings } from '../../lambda/core/model';
import { createWatchHandler, type WatchDependencies } from '../../lambda/watch-pulls/handler';
import type { Memory } from '../../lambda/watch-pulls/memory';
import { built } from '../support/built-once';
import type { CloudFormationTemplate } from './template-values';
import { describeWatch, summariseWatch } from './watch/summary';
import type { Trouble, WatchPlan } from './watch/troubles';
import type { MakeWatchHandler } from './watch/watcher';
import { simulateWatchYear, type WatchYearReport } from './watch/year';

const settings: RefresherSettings = JSON.parse(readFileSync(join(built('asset'), SETTINGS_FILE), 'utf8'));
const templateText = readFileSync(join(built('assembly'), 'EcrCredentialRefresher.template.json'), 'utf8');

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const START_MS = Date.UTC(2027, 0, 1);
/** Half an hour after a look, two days after the start. */
const TROUBLE_MS = START_MS + 48.5 * HOUR_MS;

const WORKLOAD = 'endpoint-prod';
const KEY = 'runpod/api-key';
const REGISTRY = '123456789012';

/** The metrics of a look. */
interface Sent {
  readonly PullsFailing: number;
  readonly ImagesUnpullable: number;
}

const NOTHING: Sent = { PullsFailing: 0, ImagesUnpullable: 0 };

type Properties = Record<string, unknown>;

/** Returns the example's template with changed properties of one resource. */
function template(part = '', change: Properties = {}): CloudFormationTemplate {
  const parsed: { Resources: Record<string, { Properties: Properties }> } = JSON.parse(templateText);
  const changed = Object.entries(parsed.Resources).filter(([id]) => part !== '' && id.startsWith(part));
  if (part !== '' && changed.length !== 1) throw new Error(`${changed.length} resources begin with ${part}`);
  for (const [, { Properties }] of changed) Object.assign(Properties, change);
  return parsed;
}

/** Returns a trouble that begins some hours after the usual time and lasts some hours. */
function trouble(kind: Trouble['kind'], hours: number, subject = WORKLOAD, after = 0): Trouble {
  const fromMs = TROUBLE_MS + after * HOUR_MS;
  return { kind, subject, fromMs, toMs: fromMs + hours * HOUR_MS, everyMs: 10 * MINUTE_MS };
}

/** Simulates five days with only these troubles. */
function simulate(
  troubles: readonly Trouble[],
  change: { readonly template?: CloudFormationTemplate; readonly makeHandler?: MakeWatchHandler } = {},
): Promise<WatchYearReport> {
  const plan = ({ startMs }: WatchPlan) => ({
    startMs,
    endMs: startMs + 120 * HOUR_MS,
    troubles: [...troubles].sort((a, b) => a.fromMs - b.fromMs),
  });
  return simulateWatchYear({ template: template(), settings, seed: 1, plan, ...change });
}

function brokenIn({ violations }: WatchYearReport): string[] {
  return [...new Set(violations.map(({ claim }) => claim))];
}

describe('simulateWatchYear', () => {
  it('keeps the claims through four months of random troubles', async () => {
    const plan = (drawn: WatchPlan) => ({ ...drawn, endMs: drawn.startMs + 120 * 24 * HOUR_MS });

    const report = await simulateWatchYear({ template: template(), settings, seed: 1, plan });

    const summary = summariseWatch([report]);

    expect(describeWatch(summary)).not.toContain('BROKEN');
    expect(summary.violations).toEqual([]);
    expect(summary.due).toBeGreaterThan(20);
    expect(summary.toPage.most).toBeLessThan(66);
    expect(summary.pagesByAlarm).toEqual({
      PullsFailing: expect.any(Number),
      ImagesUnpullable: expect.any(Number),
    });
  }, 30_000);

  it('gives the same weeks for the same seed, and others for another seed', async () => {
    const [weeks, again, other] = await Promise.all(
      [7, 7, 8].map((seed) => {
        const plan = (drawn: WatchPlan) => ({ ...drawn, endMs: drawn.startMs + 21 * 24 * HOUR_MS });
        return simulateWatchYear({ template: template(), settings, seed, plan });
      }),
    );

    expect(again).toEqual(weeks);
    expect(other).not.toEqual(weeks);
  });

  const image = { PullsFailing: 0, ImagesUnpullable: 1 };
  const pulls = { PullsFailing: 1, ImagesUnpullable: 0 };
  const none = { PullsFailing: 0, ImagesUnpullable: 0 };

  it.each([
    ['an image that is deleted for five hours', [trouble('image-deleted', 5)], image],
    ['an image that is for arm64', [trouble('arm64-pushed', 5)], image],
    ['a repository that refuses the credential', [trouble('pull-denied', 5)], image],
    ['an auth that is detached', [trouble('auth-detached', 5)], image],
    ['another auth that is attached', [trouble('other-auth-attached', 5)], image],
    ['pulls that fail for five hours', [trouble('pulls-fail', 5)], pulls],
    ['a pod whose pulls fail', [trouble('pulls-fail', 5, 'pod-other')], pulls],
    ['a tag that is missing for one look', [trouble('image-deleted', 1.2)].map(shorter), none],
    ['a roll-out that takes 50 minutes', [trouble('roll-out', 5 / 6)], none],
    ['failed pulls between two looks', [trouble('pull-failed-once', 0.05)], none],
    ['a workload that may start no workers', [trouble('pulls-fail', 5), trouble('scaled-to-zero', 5)], none],
    [
      'a missing image at a registry that is down',
      [trouble('image-deleted', 5), trouble('registry-down', 5, REGISTRY)],
      none,
    ],
    [
      'a missing image while the registry is down for the second look',
      [trouble('image-deleted', 5), trouble('registry-down', 1, REGISTRY, 1)],
      image,
    ],
    [
      'a missing image at every look that is delivered twice',
      [trouble('image-deleted', 5), trouble('delivered-twice', 9, '')],
      image,
    ],
    ['a key that may not list', [trouble('key-may-not-list', 40, KEY)], none],
    [
      'a missing image while the key may not list for two hours',
      [trouble('image-deleted', 6), trouble('key-may-not-list', 2, KEY, 2.6)],
      image,
    ],
    [
      'failed pulls while the key may not read logs for two hours',
      [trouble('pulls-fail', 6), trouble('key-may-not-read-logs', 2, KEY, 2.6)],
      pulls,
    ],
    ['a key that is refused', [trouble('key-refused', 40, KEY)], none],
  ] satisfies [string, Trouble[], object][])('pages as it should for %s', async (_, troubles, pages) => {
    const report = await simulate(troubles);

    expect(report.violations).toEqual([]);
    expect(report.pages).toEqual(pages);
  });

  it('warns after a day in which its own log could not be read, and pages nobody', async () => {
    const report = await simulate([trouble('own-log-unreadable', 40, ''), trouble('image-deleted', 30)]);

    expect(report).toMatchObject({ violations: [], silences: 1, pages: none });
  });

  it.each([
    [
      'paged within two looks',
      'nothing is remembered of a look that could not look',
      rememberOnly((memory) => memory.found.filter(({ seenMs }) => seenMs === memory.atMs)),
      [trouble('image-deleted', 2.8), trouble('registry-down', 1, REGISTRY, 1)],
    ],
    [
      'paged within two looks',
      'the metrics are always zero',
      publish(() => NOTHING),
      [trouble('pulls-fail', 5)],
    ],
    [
      'no false page',
      'the first look pages',
      publish((_, { findings }) => ({ ...NOTHING, ImagesUnpullable: findings.length })),
      [trouble('image-deleted', 1.2)].map(shorter),
    ],
    [
      'no false page',
      'what could not be looked at counts as confirmed',
      rememberOnly(({ found }) => found.map((one) => ({ ...one, confirmed: true }))),
      [trouble('image-deleted', 1), trouble('registry-down', 2, REGISTRY, 0.8)],
    ],
    ['no false page', 'a line of a log counts twice', readLogsTwice, [trouble('pull-failed-once', 0.05)]],
    ['all clear', 'a problem is never forgotten', publish(greatestSoFar()), [trouble('image-deleted', 5)]],
    [
      'a blind key never pages',
      'a blind key counts as a problem',
      publish((_, { blind }) => ({ ...NOTHING, ImagesUnpullable: blind.length })),
      [trouble('key-may-not-list', 5, KEY)],
    ],
  ] satisfies [string, string, MakeWatchHandler, Trouble[]][])(
    'breaks the claim "%s" when %s',
    async (claim, _, makeHandler, troubles) => {
      expect(brokenIn(await simulate(troubles, { makeHandler }))).toEqual([claim]);
    },
  );

  it.each([
    [
      'paged within two looks',
      'the alarm waits for three looks',
      'AlarmsImagesUnpullable',
      { EvaluationPeriods: 180, DatapointsToAlarm: 3 },
      [trouble('image-deleted', 4)],
    ],
    [
      'paged within two looks',
      'the alarm has no action',
      'AlarmsPullsFailing',
      { AlarmActions: [] },
      [trouble('pulls-fail', 4)],
    ],
    [
      'silent after a day',
      'the alarm on silence waits for six hours',
      'AlarmsWatchSilent',
      { EvaluationPeriods: 6, DatapointsToAlarm: 6 },
      [trouble('schedule-silent', 20, '')],
    ],
    [
      'silent after a day',
      'the alarm on silence waits for four days',
      'AlarmsWatchSilent',
      { EvaluationPeriods: 96, DatapointsToAlarm: 96 },
      [trouble('schedule-silent', 60, '')],
    ],
  ] satisfies [string, string, string, Properties, Trouble[]][])(
    'breaks the claim "%s" when %s',
    async (claim, _, alarm, change, troubles) => {
      expect(brokenIn(await simulate(troubles, { template: template(alarm, change) }))).toContain(claim);
    },
  );
});

/** The same trouble, but over before the second look. */
function shorter(one: Trouble): Trouble {
  return { ...one, toMs: one.fromMs + HOUR_MS };
}

type Report = Awaited<ReturnType<ReturnType<MakeWatchHandler>>>;

/** Makes a watch that sends other metrics than the real one. */
function publish(change: (sent: Sent, report: Report) => Sent): MakeWatchHandler {
  return (dependencies) => {
    let sent = NOTHING;
    const handler = createWatchHandler({
      ...dependencies,
      publishMetrics: (metrics) => {
        sent = { ...NOTHING, ...metrics };
      },
    });
    return async (event, context) => {
      const report = await handler(event, context);
      dependencies.publishMetrics({ ...change(sent, report) }, 0);
      return report;
    };
  };
}

function greatestSoFar(): (sent: Sent) => Sent {
  let most = NOTHING;
  return ({ PullsFailing, ImagesUnpullable }) => {
    most = {
      PullsFailing: Math.max(most.PullsFailing, PullsFailing),
      ImagesUnpullable: Math.max(most.ImagesUnpullable, ImagesUnpullable),
    };
    return most;
  };
}

/** Makes a watch that reads the look before with other problems in it. */
function rememberOnly(found: (memory: Memory) => Memory['found']): MakeWatchHandler {
  return withMemory((memory) => ({ ...memory, found: found(memory) }));
}

/** Makes a watch that reads each log from one look further back. */
function readLogsTwice(dependencies: WatchDependencies) {
  return withMemory((memory) => ({ ...memory, atMs: memory.atMs - HOUR_MS }))(dependencies);
}

function withMemory(change: (memory: Memory) => Memory): MakeWatchHandler {
  return (dependencies) =>
    createWatchHandler({
      ...dependencies,
      readMemory: async (window, deadlineMs) => {
        const memory = await dependencies.readMemory(window, deadlineMs);
        return memory && change(memory);
      },
    });
}
