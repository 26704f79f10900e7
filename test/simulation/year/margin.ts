import { ECR_TOKEN_LIFE_HOURS } from '../../../lambda/core/model';
import { readTemplate } from '../template';
import { type CloudFormationTemplate, NotUnderstoodError } from '../template-values';

/** EventBridge keeps to the minute, not to the second. */
export const RULE_DELAY_MS = 60_000;

/** Lambda polls a queue again and again, and a message may just have missed one. */
const POLL_MS = 20_000;

/** What a template promises, in milliseconds. */
export interface Margin {
  readonly lifeMs: number;
  readonly intervalMs: number;
  /**
   * The longest from the end of an outage to the end of the run that mends it: a run may have begun just before that
   * end and lasts as long as it may, the next one comes a pause after it and lasts as long as it may too.
   */
  readonly cadenceMs: number;
  /**
   * How long refreshing may be impossible, counted from the first run of the schedule that meets it, before a
   * credential dies: its life, less the interval that had passed already, less the cadence.
   */
  readonly marginMs: number;
  readonly functionId: string;
  /**
   * How long after what it rings for an alarm may still ring, by its logical id: as far as the windows reach back that
   * it needs. One that counts silence rings during it, or not at all.
   */
  readonly looksBackMs: ReadonlyMap<string, number>;
}

/** CloudWatch looks further back than an alarm's evaluation periods; its own examples have two. */
const EXTRA_PERIODS = 2;

/** Computes the margin from a synthesised template. @throws NotUnderstoodError when it has no schedule or no retry queue */
export function marginOf(template: CloudFormationTemplate): Margin {
  const { rules, functions, queues, mappings, alarms } = readTemplate(template);
  const rule = rules[0];
  const fn = functions.find(({ id }) => id === rule?.targets[0]?.functionId);
  const queue = queues.find(({ id }) => id === mappings[0]?.queueId);
  if (!rule || !fn || !queue)
    throw new NotUnderstoodError('template', 'expected a schedule, its function and its retry queue');
  const lifeMs = ECR_TOKEN_LIFE_HOURS * 3_600_000;
  const { intervalMs } = rule;
  const cadenceMs = Math.max(queue.delayMs, queue.visibilityTimeoutMs) + 2 * fn.timeoutMs + POLL_MS;
  return {
    lifeMs,
    intervalMs,
    cadenceMs,
    marginMs: lifeMs - intervalMs - RULE_DELAY_MS - cadenceMs,
    functionId: fn.id,
    looksBackMs: new Map(
      alarms.map(({ id, datapointsToAlarm, periodMs, missingData }) => [
        id,
        missingData === 'breaching' ? 0 : (datapointsToAlarm + EXTRA_PERIODS) * periodMs,
      ]),
    ),
  };
}
