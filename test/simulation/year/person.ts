import type { Simulation } from '../simulation';
import type { Chance } from './chance';
import type { World } from './world';

const MINUTE_MS = 60_000;

/** From the page to the mend: mostly within the hour, now and then a whole night's half. */
const REACTION_MS = { least: 20 * MINUTE_MS, most: 210 * MINUTE_MS, shape: 1.2 };

/** Whoever is on call: reacts to a page as the runbook says, and to nothing else. */
export class Person {
  readonly #sim: Simulation;
  readonly #world: World;
  readonly #functionId: string;
  readonly #chance: Chance;
  #read = 0;
  #visitsMs: number[] = [];

  constructor(sim: Simulation, world: World, functionId: string, chance: Chance) {
    this.#sim = sim;
    this.#world = world;
    this.#functionId = functionId;
    this.#chance = chance;
  }

  /** Reads new pages, and does what is due. */
  look(): void {
    const { transitions, nowMs } = this.#sim;
    if (transitions.length > this.#read) this.#readPages();
    this.#read = transitions.length;
    const due = this.#visitsMs.filter((visitMs) => visitMs <= nowMs);
    if (due.length === 0) return;
    this.#visitsMs = this.#visitsMs.filter((visitMs) => visitMs > nowMs);
    this.#mend(nowMs);
  }

  #readPages(): void {
    const known = new Set(this.#sim.transitions.slice(0, this.#read));
    for (const page of this.#sim.pages) {
      if (page.state !== 'ALARM' || known.has(page)) continue;
      const { least, most, shape } = REACTION_MS;
      this.#visitsMs.push(page.atMs + this.#chance.heavyTailed(least, most, shape));
    }
  }

  /** Mends, refreshes by hand, and empties the queues of what nothing tries any more. */
  #mend(nowMs: number): void {
    const mended = this.#world.mend(nowMs);
    const undelivered = this.#sim.deadLetters.length > 0;
    if (this.#world.troubleAt(nowMs, 'delivery', 'throttling')) {
      // Lambda itself is down: there is nobody to ask for a refresh yet.
      this.#visitsMs.push(nowMs + 15 * MINUTE_MS);
      return;
    }
    if (mended || undelivered) this.#sim.send({}, this.#functionId);
    for (const queue of new Set(this.#sim.deadLetters.map(({ queue: id }) => id)))
      this.#sim.queues.get(queue)?.purge();
  }
}
