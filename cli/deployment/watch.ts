/** The last look of the watch, as the log of its function tells. */

import { LOG_MESSAGES } from '../../lambda/core/contract';
import type { BlindTarget, PullFinding, PullProblem } from '../../lambda/core/model';
import type { JsonObject } from '../../lambda/core/runpod/api';
import { withoutSecretForms } from '../../lambda/core/shown-text';
import type { Operator } from '../operator';
import { MAX_IMAGE_CHARACTERS, visibleLine, visibleName } from '../visible';
import { type LogLine, readHistory } from './history';

/** A problem of a workload that a look found. */
export interface WatchedFinding extends PullFinding {
  /** Two looks in a row have found it. Only such a finding pages. */
  readonly confirmed: boolean;
}

/** What a look did not look at, and why. */
export interface NotLookedGroup {
  readonly because: string;
  readonly count: number;
  /** The first of the targets that it concerns. */
  readonly targets: readonly string[];
}

/** One look of the watch's schedule. All texts are safe to show. */
export interface LastLook {
  readonly at: Date;
  /** Number of endpoints and pods. */
  readonly workloads: number;
  readonly images: number;
  /** The first problems, those that two looks have found before the others. */
  readonly findings: readonly WatchedFinding[];
  /** Number of all problems. */
  readonly findingCount: number;
  readonly blind: readonly BlindTarget[];
  readonly notLooked: readonly NotLookedGroup[];
}

const MINUTE_MS = 60_000;

/** How far back the last look is searched. After a day without one, the alarm WatchSilent goes off. */
const LOOK_BACK_MS = 24 * 60 * MINUTE_MS;

/** A look may end later than its event by as much: Lambda retries an event for minutes. */
const LATE_MS = 15 * MINUTE_MS;

/** So many problems, blind targets and reasons are shown. A look can log thousands. */
const MAX_SHOWN = 100;

/** Longest sentence of the watch that is shown, in characters. */
const MAX_SENTENCE = 1_000;

/** Returns how long after a look the watch counts as silent: two intervals and some minutes. */
export function silentAfterMs(intervalMinutes: number): number {
  return 2 * intervalMinutes * MINUTE_MS + LATE_MS;
}

/**
 * Reads the last look of the watch's schedule. Looks that a person started do not count.
 *
 * @returns undefined when there was no look within a day
 * @throws the AWS client's error
 */
export async function readLastLook(
  operator: Operator,
  logGroupName: string,
  intervalMinutes: number,
): Promise<LastLook | undefined> {
  // Most often the short window has the last look, and a day may have thousands of lines.
  for (const windowMs of [silentAfterMs(intervalMinutes), LOOK_BACK_MS]) {
    const lines = await readHistory(operator, logGroupName, new Date(Date.now() - windowMs));
    const look = lastLookIn(lines);
    if (look) return look;
  }
  return undefined;
}

function lastLookIn(lines: readonly LogLine[]): LastLook | undefined {
  const end = lines.findLast(
    ({ message, fields }) => message === LOG_MESSAGES.watchFinished && fields.scheduled === true,
  );
  if (!end) return undefined;
  const own = (message: string) =>
    lines.filter((line) => line.message === message && line.requestId === end.requestId);
  // A look that Lambda repeated has the same request id, so a problem may be there twice.
  const findings = new Map(
    own(LOG_MESSAGES.pullProblem)
      .flatMap(({ fields }) => readFinding(fields))
      .map((finding) => [`${finding.workload} ${finding.problem}`, finding]),
  );
  return {
    at: end.at,
    workloads: numberOf(end.fields.workloads),
    images: numberOf(end.fields.images),
    findings: [...findings.values()]
      .sort((a, b) => Number(b.confirmed) - Number(a.confirmed))
      .slice(0, MAX_SHOWN),
    findingCount: Math.max(findings.size, numberOf(end.fields.findings)),
    blind: own(LOG_MESSAGES.watchBlind)
      .map(({ fields: { target, reason } }) => ({ target: nameOf(target), reason: sentenceOf(reason) }))
      .slice(0, MAX_SHOWN),
    notLooked: own(LOG_MESSAGES.watchNotLooked)
      .map(({ fields: { because, count, targets } }) => ({
        because: sentenceOf(because),
        count: numberOf(count),
        targets: Array.isArray(targets) ? targets.map(nameOf) : [],
      }))
      .slice(0, MAX_SHOWN),
  };
}

function readFinding({
  target,
  workload,
  image,
  problem,
  detail,
  confirmed,
}: JsonObject): readonly WatchedFinding[] {
  if (!isProblem(problem)) return [];
  return [
    {
      target: nameOf(target),
      workload: nameOf(workload),
      image: shown(image, MAX_IMAGE_CHARACTERS),
      problem,
      detail: sentenceOf(detail),
      confirmed: confirmed === true,
    },
  ];
}

/** Every problem. The compiler demands a row for each. */
const PROBLEMS: Readonly<Record<PullProblem, true>> = {
  'image-missing': true,
  'pull-denied': true,
  'wrong-platform': true,
  'not-attached': true,
  'wrong-auth': true,
  'pull-failed': true,
};

function isProblem(value: unknown): value is PullProblem {
  return typeof value === 'string' && Object.hasOwn(PROBLEMS, value);
}

function nameOf(value: unknown): string {
  return shown(value);
}

function sentenceOf(value: unknown): string {
  return shown(value, MAX_SENTENCE);
}

/** Secrets go before the text is cut, because a cut secret has another form. */
function shown(value: unknown, maxCharacters?: number): string {
  return visibleName(withoutSecretForms(visibleLine(String(value ?? ''))), maxCharacters);
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
