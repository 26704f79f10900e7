import { ECR_TOKEN_LIFE_HOURS } from '../../../lambda/core/model';
import { readTemplate } from '../template';
import { type CloudFormationTemplate, NotUnderstoodError } from '../template-values';

/** The longest delay of a scheduled event: EventBridge is exact to the minute, not to the second. */
export const RULE_DELAY_MS = 60_000;

/** The longest time until Lambda's next poll of a queue. */
const POLL_MS = 20_000;

/** How long a deployment can go without a refresh, computed from its template. Times are in milliseconds. */
export interface Margin {
  readonly lifeMs: number;
  readonly intervalMs: number;
  /** When the schedule starts the first run after midnight UTC. @default - it counts from its creation */
  readonly phaseMs?: number;
  /**
   * The longest time from the end of an outage to the end of the run that fixes it. The worst case: a run began just
   * before that end and takes its whole timeout, then comes the pause, then the next run takes its whole timeout.
   */
  readonly recoveryMs: number;
  /**
   * How long refreshing may be impossible before a credential expires, counted from the first scheduled run in the
   * outage: the credential's life, minus the interval that has passed already, minus `recoveryMs`.
   */
  readonly marginMs: number;
  readonly functionId: string;
  /**
   * How long after its cause an alarm may still fire, by logical id: as far back as its windows look. It is 0 for an
   * alarm on silence, which fires only while there is silence.
   */
  readonly looksBackMs: ReadonlyMap<string, number>;
}

/**
 * Returns when the next scheduled run starts after a time.
 *
 * @param createdMs - when a rate started its first run
 */
export function nextRunMs({ intervalMs, phaseMs }: Margin, createdMs: number, afterMs: number): number {
  const firstMs = phaseMs ?? createdMs;
  return firstMs + (Math.floor((afterMs - firstMs) / intervalMs) + 1) * intervalMs;
}

/** CloudWatch looks further back than an alarm's evaluation periods. Its own examples show two more periods. */
const EXTRA_PERIODS = 2;

/**
 * Computes the margin from a synthesised template.
 *
 * @throws NotUnderstoodError when the template has no schedule or no retry queue
 */
export function marginOf(template: CloudFormationTemplate): Margin {
  const { rules, functions, queues, mappings, alarms } = readTemplate(template);
  const rule = rules[0];
  const fn = functions.find(({ id }) => id === rule?.targets[0]?.functionId);
  const queue = queues.find(({ id }) => id === mappings[0]?.queueId);
  if (!rule || !fn || !queue)
    throw new NotUnderstoodError('template', 'expected a schedule, its function and its retry queue');
  const lifeMs = ECR_TOKEN_LIFE_HOURS * 3_600_000;
  const { intervalMs, phaseMs } = rule;
  const recoveryMs = Math.max(queue.delayMs, queue.visibilityTimeoutMs) + 2 * fn.timeoutMs + POLL_MS;
  return {
    lifeMs,
    intervalMs,
    ...(phaseMs !== undefined && { phaseMs }),
    recoveryMs,
    marginMs: lifeMs - intervalMs - RULE_DELAY_MS - recoveryMs,
    functionId: fn.id,
    looksBackMs: new Map(
      alarms.map(({ id, datapointsToAlarm, periodMs, missingData }) => [
        id,
        missingData === 'breaching' ? 0 : (datapointsToAlarm + EXTRA_PERIODS) * periodMs,
      ]),
    ),
  };
}
