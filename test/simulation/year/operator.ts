import type { Simulation } from '../simulation';
import type { SeededRandom } from './random';
import type { World } from './world';

const MINUTE_MS = 60_000;

/** Time from a page to the operator's reaction: mostly less than an hour, sometimes half a night. */
const REACTION_MS = { least: 20 * MINUTE_MS, most: 210 * MINUTE_MS, shape: 1.2 };

/** The person on call. Acts only on pages, and then as the runbook says. */
export class Operator {
  readonly #sim: Simulation;
  readonly #world: World;
  readonly #functionId: string;
  readonly #random: SeededRandom;
  #read = 0;
  #reactionsMs: number[] = [];

  constructor(sim: Simulation, world: World, functionId: string, random: SeededRandom) {
    this.#sim = sim;
    this.#world = world;
    this.#functionId = functionId;
    this.#random = random;
  }

  /** Reads new pages, and carries out the reactions that are due. */
  act(): void {
    const { transitions, nowMs } = this.#sim;
    if (transitions.length > this.#read) this.#readPages();
    this.#read = transitions.length;
    const due = this.#reactionsMs.filter((reactionMs) => reactionMs <= nowMs);
    if (due.length === 0) return;
    this.#reactionsMs = this.#reactionsMs.filter((reactionMs) => reactionMs > nowMs);
    this.#fix(nowMs);
  }

  #readPages(): void {
    const known = new Set(this.#sim.transitions.slice(0, this.#read));
    for (const page of this.#sim.pages) {
      if (page.state !== 'ALARM' || known.has(page)) continue;
      const { least, most, shape } = REACTION_MS;
      this.#reactionsMs.push(page.atMs + this.#random.heavyTailed(least, most, shape));
    }
  }

  /** Fixes what only a person can fix, refreshes by hand, and empties the dead-letter queues. */
  #fix(nowMs: number): void {
    const fixed = this.#world.fix(nowMs);
    const undelivered = this.#sim.deadLetters.length > 0;
    if (this.#world.incidentAt(nowMs, 'delivery', 'throttling')) {
      // Lambda itself cannot be reached, so a refresh by hand is not possible yet.
      this.#reactionsMs.push(nowMs + 15 * MINUTE_MS);
      return;
    }
    if (fixed || undelivered) this.#sim.send({}, this.#functionId);
    for (const queue of new Set(this.#sim.deadLetters.map(({ queue: id }) => id)))
      this.#sim.queues.get(queue)?.purge();
  }
}
