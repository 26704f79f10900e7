import type { Side } from '../../../lambda/core/contract';
import type { RefresherSettings } from '../../../lambda/core/model';
import type { EventQueue } from '../event-queue';
import { createSimulation, type Simulation } from '../simulation';
import type { CloudFormationTemplate } from '../template-values';
import type { Alignment } from '../window';
import { type Incident, needsOperator } from './incidents';
import { type Margin, marginOf, RULE_DELAY_MS } from './margin';
import { Operator } from './operator';
import type { SeededRandom } from './random';
import { Refresher, type TellVia } from './refresher';
import type { World } from './world';

/** A synthesised stack with the settings of its function. */
export interface DeployedStack {
  readonly template: CloudFormationTemplate;
  readonly settings: RefresherSettings;
}

/** One invocation of the function. */
export interface Run {
  readonly atMs: number;
  readonly endedMs: number;
  readonly ok: boolean;
}

/** The input of a deployment. */
export interface DeploymentProps extends DeployedStack {
  readonly world: World;
  readonly random: SeededRandom;
  readonly side: Side;
  /** The virtual time that several deployments share. @default - it has its own time */
  readonly events?: EventQueue;
  /** Where the windows of alarms lie. @default 'sliding' */
  readonly alignment?: Alignment;
  /** @default - there is no other region */
  readonly tellVia?: TellVia;
  /** Alarms, by name, on which the operator acts although they only warn. @default - none */
  readonly warnings?: readonly string[];
}

/** One deployed refresher in the world, with the services of its region and the person on call. */
export class Deployment {
  readonly side: Side;
  readonly margin: Margin;
  readonly sim: Simulation;
  /** All invocations, in the order of their start. */
  readonly runs: Run[] = [];
  /** The incidents that only the operator can end. */
  readonly #untilFixed: readonly Incident[];
  readonly #operator: Operator;

  constructor(props: DeploymentProps) {
    const { template, world, random, side, events, alignment = 'sliding', warnings = [] } = props;
    this.side = side;
    this.margin = marginOf(template);
    const refresher = new Refresher(props);
    this.sim = createSimulation({
      template,
      startMs: world.plan.startMs,
      ...(events && { events }),
      logLimit: 0,
      behaviour: { ruleDelayMs: () => random.next() * RULE_DELAY_MS, alignment },
      invoke: async (event, context) => {
        const result = await refresher.invoke(event, context);
        const { nowMs } = context;
        this.runs.push({ atMs: nowMs, endedMs: nowMs + result.durationMs, ok: result.ok });
        return result;
      },
    });
    const incidents = world.plan.incidents.filter((incident) => (incident.side ?? side) === side);
    for (const incident of incidents) breakService(this.sim, incident);
    this.#untilFixed = incidents.filter(needsOperator);
    const { functionId } = this.margin;
    this.#operator = new Operator({ sim: this.sim, world, side, functionId, random, warnings });
  }

  /** Applies the incidents that only the operator can end, for the next part of the time. */
  breakUntilFixed(fromMs: number, toMs: number): void {
    for (const incident of this.#untilFixed) {
      const span = { fromMs: Math.max(incident.fromMs, fromMs), toMs: Math.min(incident.toMs, toMs) };
      if (span.fromMs < span.toMs) breakSchedule(this.sim, incident, span);
    }
  }

  /** Lets the operator act. */
  act(): void {
    this.#operator.act();
  }
}

/** How often the operator may act. It is shorter than the operator's fastest reaction. */
const STEP_MS = 15 * 60_000;

/** Runs deployments that share one virtual time through the year of their world. */
export async function runYear(
  deployments: readonly [Deployment, ...Deployment[]],
  world: World,
): Promise<void> {
  const { startMs, endMs } = world.plan;
  for (let nowMs = startMs; nowMs < endMs; nowMs += STEP_MS) {
    const untilMs = nowMs + STEP_MS;
    // One millisecond more: the schedule may fire at the very end of a step, before the operator acts.
    for (const deployment of deployments) deployment.breakUntilFixed(nowMs, untilMs + 1);
    await deployments[0].sim.runUntil(untilMs);
    for (const deployment of deployments) deployment.act();
  }
}

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

function breakService({ faults }: Simulation, { kind, fromMs, toMs }: Incident): void {
  const isRegion = kind === 'region';
  if (kind === 'delivery' || kind === 'lambda' || isRegion)
    faults.lambdaDelivery(fromMs, toMs, 'unavailable');
  if (kind === 'throttling' || kind === 'lambda' || isRegion) faults.throttling(fromMs, toMs);
  if (kind === 'event-bridge' || isRegion) faults.scheduleSilent(fromMs, toMs);
  if (kind === 'cloudwatch' || isRegion) faults.cloudWatchDown(fromMs, toMs);
  if (kind === 'metrics-lost') faults.ownMetricsLost(fromMs, toMs);
}

/** The end of these incidents depends on the operator, so they are extended step by step. */
function breakSchedule({ faults }: Simulation, { kind }: Incident, { fromMs, toMs }: Span): void {
  if (kind === 'schedule-denied') faults.lambdaDelivery(fromMs, toMs, 'denied');
  if (kind === 'schedule-disabled') faults.scheduleSilent(fromMs, toMs);
}
