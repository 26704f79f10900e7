import type { RefresherSettings } from '../../../lambda/core/model';
import { createSimulation, type Simulation } from '../simulation';
import { readTemplate } from '../template';
import { type CloudFormationTemplate, NotUnderstoodError } from '../template-values';
import { SeededRandom } from '../year/random';
import { checkClaims, type WatchFigures, type WatchViolation } from './claims';
import { drawWatchYear, type Trouble, type WatchPlan } from './troubles';
import { type MakeWatchHandler, Watcher } from './watcher';
import { watchSettings, workloadsOf } from './workloads';
import { WatchWorld } from './world';

const START_MS = Date.UTC(2027, 0, 1);

/** EventBridge is exact to the minute, not to the second. */
const RULE_DELAY_MS = 60_000;

/** The input of a simulated year of the watch. */
export interface WatchYearProps {
  readonly template: CloudFormationTemplate;
  /** The refresher's settings. The watch gets one more target. */
  readonly settings: RefresherSettings;
  /** The same seed gives the same year. */
  readonly seed: number;
  /** Replaces the drawn plan. The end may be earlier. @default - keeps the drawn plan */
  readonly plan?: (drawn: WatchPlan) => WatchPlan;
  /** @default - the real handler */
  readonly makeHandler?: MakeWatchHandler;
}

/** The outcome of a simulated year of the watch. */
export interface WatchYearReport extends WatchFigures {
  readonly seed: number;
  readonly plan: WatchPlan;
  readonly looks: number;
  /** The looks of which the result was known, so that they did not run. */
  readonly skippedLooks: number;
  readonly violations: readonly WatchViolation[];
}

/** Simulates one year of the watch with the real handler and the synthesised services, and checks it against the claims. */
export async function simulateWatchYear(props: WatchYearProps): Promise<WatchYearReport> {
  const { template, seed, plan = (drawn) => drawn } = props;
  const random = new SeededRandom(seed);
  const { intervalMs, functionId } = scheduleOf(template);
  const settings = watchSettings(props.settings, intervalMs);
  const workloads = workloadsOf(settings.targets);
  const world = new WatchWorld(plan(drawWatchYear(random, START_MS, intervalMs, workloads)), workloads);
  const watcher = new Watcher(settings, world, random, props.makeHandler);
  const sim = createSimulation({
    template,
    part: 'watch',
    startMs: START_MS,
    logLimit: 0,
    behaviour: {
      ruleDelayMs: () => random.next() * RULE_DELAY_MS,
      alignment: seed % 2 === 0 ? 'aligned' : 'sliding',
    },
    invoke: watcher.invoke,
  });
  await run(sim, world.plan, functionId);
  const { violations, figures } = checkClaims({
    world,
    looks: watcher.looks,
    transitions: sim.transitions,
    intervalMs,
  });
  const { looks, skipped: skippedLooks } = watcher;
  return { seed, plan: world.plan, looks: looks.length, skippedLooks, ...figures, violations };
}

function scheduleOf(template: CloudFormationTemplate): { intervalMs: number; functionId: string } {
  const [rule] = readTemplate(template, 'watch').rules;
  const functionId = rule?.targets[0]?.functionId;
  if (!rule || functionId === undefined)
    throw new NotUnderstoodError('template', 'expected the rule of a watch');
  return { intervalMs: rule.intervalMs, functionId };
}

async function run(sim: Simulation, { troubles, endMs }: WatchPlan, functionId: string): Promise<void> {
  for (const trouble of troubles) breakService(sim, trouble);
  for (const { kind, fromMs } of troubles) {
    if (kind !== 'look-by-hand' || fromMs >= endMs) continue;
    await sim.runUntil(fromMs);
    sim.send({}, functionId);
  }
  await sim.runUntil(endMs);
}

function breakService({ faults }: Simulation, { kind, fromMs, toMs, everyMs = 0 }: Trouble): void {
  if (kind === 'delivery') faults.lambdaDelivery(fromMs, toMs, 'unavailable');
  if (kind === 'throttling') faults.throttling(fromMs, toMs);
  if (kind === 'schedule-silent') faults.scheduleSilent(fromMs, toMs);
  if (kind === 'delivered-twice') faults.deliveredTwice(fromMs, toMs, everyMs);
}
