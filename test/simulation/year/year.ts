import type { RefresherSettings } from '../../../lambda/core/model';
import { createSimulation, type Simulation } from '../simulation';
import type { CloudFormationTemplate } from '../template-values';
import { Chance } from './chance';
import {
  deadTimes,
  pagesAfterTheMend,
  pagesOf,
  type Violation,
  violationsOf,
  type YearOutcome,
} from './claims';
import { episodesOf } from './episodes';
import { type Margin, marginOf, RULE_DELAY_MS } from './margin';
import { Person } from './person';
import { Refresher } from './refresher';
import { drawYear, needsPerson, type Trouble, type YearPlan } from './trouble';
import { World } from './world';

const START_MS = Date.UTC(2027, 0, 1);

/** How often the simulation stops to look after the person and the faults; shorter than any person's reaction. */
const STEP_MS = 15 * 60_000;

/** What a year is made of. */
export interface YearProps {
  readonly template: CloudFormationTemplate;
  readonly settings: RefresherSettings;
  /** The same seed is the same year. */
  readonly seed: number;
  /** Changes what was drawn, for a counter-example; its end may be earlier. @default - nothing */
  readonly plan?: (drawn: YearPlan) => YearPlan;
}

/** What became of a year. */
export interface YearReport extends YearOutcome {
  readonly seed: number;
  readonly margin: Margin;
  readonly plan: YearPlan;
  /** Pages while figures were lost: the service worked, and nobody could know. */
  readonly pagesForLostFigures: number;
  readonly pagesAfterTheMend: number;
  readonly writes: number;
  readonly invocations: number;
  readonly violations: readonly Violation[];
}

/** Lives one year with the real handler and the synthesised services, and holds it to the claims. */
export async function simulateYear({
  template,
  settings,
  seed,
  plan = (drawn) => drawn,
}: YearProps): Promise<YearReport> {
  const chance = new Chance(seed);
  const margin = marginOf(template);
  const world = new World(
    plan(drawYear(chance, START_MS, margin.intervalMs)),
    margin.lifeMs,
    authsOf(settings),
  );
  const refresher = new Refresher(settings, world, chance);
  let invocations = 0;
  const sim = createSimulation({
    template,
    startMs: START_MS,
    logLimit: 0,
    behaviour: { ruleDelayMs: () => chance.next() * RULE_DELAY_MS },
    invoke: (event, context) => {
      invocations += 1;
      return refresher.invoke(event, context);
    },
  });
  await live(sim, world, new Person(sim, world, margin.functionId, chance));

  const outcome = {
    episodes: episodesOf(world, margin),
    dead: deadTimes(world),
    pages: pagesOf(world, sim.pages),
  };
  const areFiguresLostAt = (atMs: number) => wereFiguresLost(world, margin, atMs);
  return {
    seed,
    margin,
    plan: world.plan,
    ...outcome,
    pagesForLostFigures: outcome.pages.filter(({ atMs }) => areFiguresLostAt(atMs)).length,
    pagesAfterTheMend: pagesAfterTheMend(outcome, margin),
    writes: world.writes.length,
    invocations,
    violations: violationsOf(margin, outcome, areFiguresLostAt),
  };
}

async function live(sim: Simulation, world: World, person: Person): Promise<void> {
  const { startMs, endMs, troubles } = world.plan;
  for (const trouble of troubles) breakService(sim, trouble, trouble);
  const ofUnknownEnd = troubles.filter(needsPerson);
  for (let nowMs = startMs; nowMs < endMs; nowMs += STEP_MS) {
    const untilMs = nowMs + STEP_MS;
    // One more: the schedule fires at the very end of a step, before the person looks.
    for (const trouble of ofUnknownEnd) {
      const span = { fromMs: Math.max(trouble.fromMs, nowMs), toMs: Math.min(trouble.toMs, untilMs + 1) };
      if (span.fromMs < span.toMs) breakForPerson(sim, trouble, span);
    }
    await sim.runUntil(untilMs);
    person.look();
  }
}

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

function breakService({ faults }: Simulation, { kind }: Trouble, { fromMs, toMs }: Span): void {
  if (kind === 'delivery') faults.lambdaDelivery(fromMs, toMs, 'unavailable');
  if (kind === 'throttling') faults.throttling(fromMs, toMs);
  if (kind === 'metrics-lost') faults.ownMetricsLost(fromMs, toMs);
}

/** Nobody knows yet when a person mends these, so they go on from one step to the next. */
function breakForPerson({ faults }: Simulation, { kind }: Trouble, { fromMs, toMs }: Span): void {
  if (kind === 'schedule-denied') faults.lambdaDelivery(fromMs, toMs, 'denied');
  if (kind === 'schedule-disabled') faults.scheduleSilent(fromMs, toMs);
}

/** A page is for lost figures when one of the runs that it looks back on may have lost them. */
function wereFiguresLost({ plan }: World, { intervalMs, cadenceMs }: Margin, atMs: number): boolean {
  return plan.troubles.some(
    ({ kind, fromMs, toMs }) =>
      kind === 'metrics-lost' && fromMs <= atMs && atMs < toMs + 2 * intervalMs + cadenceMs,
  );
}

/** An auth that the configuration names by id is there from the beginning; one that it names by name is made. */
function authsOf({ targets }: RefresherSettings): { id: string; name: string }[] {
  return targets.flatMap(({ name, registryAuthId }) =>
    registryAuthId === undefined ? [] : [{ id: registryAuthId, name }],
  );
}
