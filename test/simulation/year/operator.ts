import type { Side } from '../../../lambda/core/contract';
import type { Simulation } from '../simulation';
import { alarmName } from './claims';
import type { SeededRandom } from './random';
import type { World } from './world';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Time from a page to the operator's reaction: mostly less than an hour, sometimes half a night. */
const REACTION_MS = { least: 20 * MINUTE_MS, most: 210 * MINUTE_MS, shape: 1.2 };

/** Time from a warning to the operator's reaction: the next morning, or after a weekend. */
const WARNING_REACTION_MS = { least: 2 * HOUR_MS, most: 60 * HOUR_MS };

/** The input of an operator. */
export interface OperatorProps {
  readonly sim: Simulation;
  readonly world: World;
  readonly side: Side;
  readonly functionId: string;
  readonly random: SeededRandom;
  /** Alarms, by name, on which the operator acts although they only warn. */
  readonly warnings: readonly string[];
}

/** The person on call for one deployment. Acts on pages, and later on warnings, as the runbook says. */
export class Operator {
  readonly #props: OperatorProps;
  #read = 0;
  #reactionsMs: number[] = [];
  /** Whether something was fixed, and no refresh by hand followed yet. */
  #owesRefresh = false;

  constructor(props: OperatorProps) {
    this.#props = props;
  }

  /** Reads new notifications, and carries out the reactions that are due. */
  act(): void {
    const { transitions, nowMs } = this.#props.sim;
    if (transitions.length > this.#read) this.#readNotifications();
    this.#read = transitions.length;
    const due = this.#reactionsMs.filter((reactionMs) => reactionMs <= nowMs);
    if (due.length === 0) return;
    this.#reactionsMs = this.#reactionsMs.filter((reactionMs) => reactionMs > nowMs);
    this.#fix(nowMs);
  }

  #readNotifications(): void {
    const { sim, random, warnings } = this.#props;
    const isNew = new Set(sim.transitions.slice(this.#read).filter(({ state }) => state === 'ALARM'));
    for (const page of sim.pages) {
      if (!isNew.has(page)) continue;
      const { least, most, shape } = REACTION_MS;
      this.#reactionsMs.push(page.atMs + random.heavyTailed(least, most, shape));
    }
    if (warnings.length === 0) return;
    for (const { alarm, atMs } of sim.warnings.filter((warning) => isNew.has(warning))) {
      if (!warnings.includes(alarmName(alarm))) continue;
      this.#reactionsMs.push(atMs + random.between(WARNING_REACTION_MS.least, WARNING_REACTION_MS.most));
    }
  }

  /** Fixes what only a person can fix, refreshes by hand, and empties the dead-letter queues. */
  #fix(nowMs: number): void {
    const { sim, world, side, functionId } = this.#props;
    this.#owesRefresh = world.fix(nowMs, side) || this.#owesRefresh || sim.deadLetters.length > 0;
    if (!world.canInvokeAt(nowMs, side)) {
      // Lambda itself cannot be reached, so a refresh by hand is not possible yet.
      this.#reactionsMs.push(nowMs + 15 * MINUTE_MS);
      return;
    }
    if (this.#owesRefresh) sim.send({}, functionId);
    this.#owesRefresh = false;
    for (const queue of new Set(sim.deadLetters.map(({ queue: id }) => id))) sim.queues.get(queue)?.purge();
  }
}
