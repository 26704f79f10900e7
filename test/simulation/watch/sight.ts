import type { PullProblem } from '../../../lambda/core/model';
import { ASPECT_OF } from '../../../lambda/core/pulls/model';
import type { SimulatedLook } from './watcher';
import type { SimulatedWorkload } from './workloads';
import type { WatchWorld } from './world';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** A look may be late by as much and still read the look before it. */
const LATE_MS = 15 * MINUTE_MS;

/** A problem of a workload. */
export interface SeenProblem {
  readonly workload: SimulatedWorkload;
  readonly problem: PullProblem;
  /** Another image is another problem. Of a failed pull it does not count. */
  readonly image: string;
}

/** Two looks in a row that both could see a problem all the time. */
export interface Confirmation {
  readonly first: SimulatedLook;
  readonly second: SimulatedLook;
  readonly problem: SeenProblem;
  /** A look between them was lost or could not look, or the second came late. */
  readonly heldUp: boolean;
}

/** The deliveries of one event of the schedule. */
interface Turn {
  readonly index: number;
  readonly atMs: number;
  readonly looks: readonly [SimulatedLook, ...SimulatedLook[]];
}

/** Problems that a turn could see, and the latest such turn. */
type Pending = Map<string, { readonly turn: Turn; readonly problem: SeenProblem }>;

/** Says what each look of a year could see. It follows from the world, not from what the watch found. */
export class Sight {
  readonly #world: WatchWorld;
  readonly #turns: readonly Turn[];
  readonly #intervalMs: number;
  readonly #sinceMs = new Map<string, number>();
  #confirmations: readonly Confirmation[] | undefined;

  constructor(world: WatchWorld, looks: readonly SimulatedLook[], intervalMs: number) {
    this.#world = world;
    this.#turns = turnsOf(looks);
    this.#intervalMs = intervalMs;
  }

  /** Returns each pair of looks in a row, with looks between that could not look, that could see the same problem. */
  confirmations(): Confirmation[] {
    return this.#world.workloads.flatMap((workload) => {
      const pending: Pending = new Map();
      return this.#turns.flatMap((turn) => this.#confirmedBy(turn, workload, pending));
    });
  }

  /** @param pending - the problems of this workload that the turns before could see. It is brought up to date. */
  #confirmedBy(turn: Turn, workload: SimulatedWorkload, pending: Pending): Confirmation[] {
    const [second] = turn.looks;
    if (pending.size === 0 && this.#world.isQuiet(turn.atMs - this.#intervalMs, second.endMs)) return [];
    const sure = new Map(this.#sureProblems(turn, workload).map((one) => [keyOf(one), one]));
    const hasMemory = second.memoryRead && this.#before(turn) !== undefined;
    for (const [key, { turn: first, problem }] of pending) {
      const isKnown = hasMemory && turn.atMs - first.atMs < DAY_MS;
      if (!isKnown || !(sure.has(key) || this.#keepsInMind(turn, problem))) pending.delete(key);
    }
    const confirmed: Confirmation[] = [];
    for (const [key, problem] of sure) {
      const first = pending.get(key)?.turn;
      if (first && second.reported) {
        const lateMs = second.startMs - first.looks[0].startMs - this.#intervalMs;
        const heldUp = first.index !== turn.index - 1 || lateMs > 2 * MINUTE_MS;
        confirmed.push({ first: first.looks[0], second, problem, heldUp });
      }
      pending.set(key, { turn, problem });
    }
    return confirmed;
  }

  /**
   * Returns whether this look and one before it may have seen the same problem, and every look between them could not
   * look or may have seen it too.
   */
  sawTwice(look: SimulatedLook, isLog: boolean): boolean {
    const last = this.#turns.find(({ atMs }) => atMs === look.atMs);
    if (!last) return false;
    return this.#problemsUpTo(last, isLog).some((problem) => this.#sawTwice(last, problem));
  }

  /**
   * Returns a problem that two looks of the last day could see and that is still there, although every look since could
   * not look for it.
   */
  hiddenProblem({ atMs }: SimulatedLook, isLog: boolean): SeenProblem | undefined {
    const last = this.#turns.find((turn) => turn.atMs === atMs);
    if (!last) return undefined;
    this.#confirmations ??= this.confirmations();
    return this.#confirmations
      .filter(({ second, problem }) => {
        const isRecent = second.atMs < atMs && atMs - second.atMs < DAY_MS - this.#intervalMs;
        return isRecent && (problem.problem === 'pull-failed') === isLog;
      })
      .find(({ second, problem }) => {
        const since = this.#turns.filter((turn) => turn.atMs > second.atMs && turn.atMs <= atMs);
        return since.every((turn) => this.#isHidden(turn, problem));
      })?.problem;
  }

  /** Returns whether a problem was there and no delivery could look for it, although it knew of the look before. */
  #isHidden(turn: Turn, problem: SeenProblem): boolean {
    const before = this.#before(turn);
    if (!before) return false;
    const { workload } = problem;
    const isLog = problem.problem === 'pull-failed';
    if (isLog && this.#world.failedPulls(workload, before.atMs, turn.atMs).length === 0) return false;
    return turn.looks.every((look) => {
      const isThere = isLog ? this.#isActive(look, workload) : this.#isThere(look, problem);
      return look.memoryRead && isThere && this.#couldNotLookAtAll(look, problem);
    });
  }

  /** Returns whether something kept a look from a problem all the time. */
  #couldNotLookAtAll(look: SimulatedLook, { workload, problem }: SeenProblem): boolean {
    return [...this.#obstacles(look, workload, problem)].every(
      (obstacle) => obstacle === 'sure' || obstacle === 'blind',
    );
  }

  /** Returns whether a key kept this look from anything. */
  isBlind(look: SimulatedLook): boolean {
    return this.#world.workloads.some((workload) =>
      this.#obstacles(look, workload, 'pull-failed').has('blind'),
    );
  }

  /** Returns whether this look could see everything and no workload had such a problem. */
  hadNothingToSee(look: SimulatedLook, isLog: boolean): boolean {
    const turn = this.#turns.find(({ atMs }) => atMs === look.atMs);
    if (!turn || !look.memoryRead) return false;
    return this.#world.workloads.every((workload) => {
      const isFree = (['pull-failed', 'image-missing', 'not-attached'] as const).every((problem) =>
        [...this.#obstacles(look, workload, problem)].every((obstacle) => obstacle === 'no'),
      );
      if (!isFree) return false;
      if (isLog)
        return this.#world.failedPulls(workload, this.#since(turn, workload), turn.atMs).length === 0;
      return this.#moments(look).every((ms) => this.#world.problemsOf(workload, ms).length === 0);
    });
  }

  #sawTwice(last: Turn, problem: SeenProblem): boolean {
    let count = 0;
    for (let turn: Turn | undefined = last; turn; turn = this.#before(turn)) {
      if (last.atMs - turn.atMs > DAY_MS + this.#intervalMs) return false;
      if (this.#maySee(turn, problem)) count += 1;
      else if (!this.#couldNotLook(turn, problem, turn === last)) return false;
      if (count === 2) return true;
      if (turn.looks.every(({ memoryRead }) => !memoryRead)) return false;
    }
    return false;
  }

  /** Returns whether something kept a turn from a problem. A page never has a blind key as its reason. */
  #couldNotLook({ looks }: Turn, { workload, problem }: SeenProblem, isLast: boolean): boolean {
    const obstacles = looks.flatMap((look) => [...this.#obstacles(look, workload, problem)]);
    return obstacles.some((one) => one !== 'no') && !(isLast && obstacles.includes('blind'));
  }

  /** Returns every problem that there was at this turn or at one of the turns of the day before. */
  #problemsUpTo(last: Turn, isLog: boolean): SeenProblem[] {
    if (isLog) {
      return this.#world.workloads.map((workload) => ({ workload, problem: 'pull-failed', image: '' }));
    }
    const found = new Map<string, SeenProblem>();
    for (const turn of this.#turns.slice(Math.max(0, last.index - 26), last.index + 1)) {
      for (const look of turn.looks) {
        for (const ms of this.#moments(look)) {
          for (const one of this.#world.workloads.flatMap((workload) => this.#problemsAt(workload, ms))) {
            found.set(keyOf(one), one);
          }
        }
      }
    }
    return [...found.values()];
  }

  #problemsAt(workload: SimulatedWorkload, ms: number): SeenProblem[] {
    const { image } = this.#world.stateOf(workload, ms);
    return this.#world.problemsOf(workload, ms).map((problem) => ({ workload, problem, image }));
  }

  /** Returns the problems that the first delivery cannot miss. */
  #sureProblems(turn: Turn, workload: SimulatedWorkload): SeenProblem[] {
    const [look] = turn.looks;
    const atStart = this.#problemsAt(workload, look.startMs);
    const sure = atStart.filter(
      (problem) => this.#isThere(look, problem) && this.#isFree(look, workload, problem.problem),
    );
    const sinceMs = Math.max(this.#before(turn)?.atMs ?? 0, turn.atMs - this.#intervalMs);
    const failed = this.#world.failedPulls(workload, sinceMs, turn.atMs).length > 0;
    if (failed && this.#isActive(look, workload) && this.#isFree(look, workload, 'pull-failed')) {
      sure.push({ workload, problem: 'pull-failed', image: '' });
    }
    return sure;
  }

  /** Returns whether a problem was there all the time, and the look sees it or knows that it could not look. */
  #keepsInMind({ looks: [look] }: Turn, { workload, problem, image }: SeenProblem): boolean {
    if (problem === 'pull-failed') {
      return this.#couldNotLookAtAll(look, { workload, problem, image }) && this.#isActive(look, workload);
    }
    return this.#isThere(look, { workload, problem, image });
  }

  #maySee(turn: Turn, { workload, problem, image }: SeenProblem): boolean {
    return turn.looks.some((look) => {
      if (this.#couldNotLookAtAll(look, { workload, problem, image })) return false;
      if (problem === 'pull-failed') {
        return this.#world.failedPulls(workload, this.#since(turn, workload), turn.atMs).length > 0;
      }
      return this.#moments(look).some((ms) =>
        this.#problemsAt(workload, ms).some((one) => one.problem === problem && one.image === image),
      );
    });
  }

  /** Returns from when a log may not have been read: since the look before, or longer when that one could not. */
  #since(turn: Turn, workload: SimulatedWorkload): number {
    const key = `${turn.index} ${workload.id}`;
    const known = this.#sinceMs.get(key);
    if (known !== undefined) return known;
    const before = this.#before(turn);
    const isKnown = before && turn.looks.every(({ memoryRead }) => memoryRead);
    let sinceMs = turn.atMs - this.#intervalMs;
    if (isKnown) {
      const wasFree = before.looks.every((look) => this.#isFree(look, workload, 'pull-failed'));
      sinceMs = wasFree ? before.atMs : Math.max(turn.atMs - DAY_MS, this.#since(before, workload));
    }
    this.#sinceMs.set(key, sinceMs);
    return sinceMs;
  }

  #isThere(look: SimulatedLook, { workload, problem, image }: SeenProblem): boolean {
    return this.#moments(look).every((ms) =>
      this.#problemsAt(workload, ms).some((one) => one.problem === problem && one.image === image),
    );
  }

  #isActive(look: SimulatedLook, workload: SimulatedWorkload): boolean {
    return this.#moments(look).every((ms) => this.#world.stateOf(workload, ms).active);
  }

  #isFree(look: SimulatedLook, workload: SimulatedWorkload, problem: PullProblem): boolean {
    return [...this.#obstacles(look, workload, problem)].every((obstacle) => obstacle === 'no');
  }

  #obstacles(look: SimulatedLook, workload: SimulatedWorkload, problem: PullProblem) {
    return new Set(this.#moments(look).map((ms) => this.#world.obstacle(workload, ASPECT_OF[problem], ms)));
  }

  /** Returns the start and the end of a look, and every time between at which something changed. */
  #moments({ startMs, endMs }: SimulatedLook): readonly number[] {
    const troubles = new Set([...this.#world.troublesOfHour(startMs), ...this.#world.troublesOfHour(endMs)]);
    if (troubles.size === 0) return [startMs];
    const changes = [...troubles]
      .flatMap(({ fromMs, toMs }) => [fromMs, toMs])
      .filter((ms) => startMs < ms && ms < endMs);
    return [startMs, ...changes, endMs];
  }

  /** Returns the turn whose memory a turn reads. */
  #before({ index, atMs }: Turn): Turn | undefined {
    const before = this.#turns[index - 1];
    return before && atMs - before.atMs <= 3 * this.#intervalMs + LATE_MS ? before : undefined;
  }
}

function turnsOf(looks: readonly SimulatedLook[]): Turn[] {
  const byMoment = new Map<number, [SimulatedLook, ...SimulatedLook[]]>();
  for (const look of looks) {
    const known = byMoment.get(look.atMs);
    if (known) known.push(look);
    else byMoment.set(look.atMs, [look]);
  }
  return [...byMoment]
    .sort(([a], [b]) => a - b)
    .map(([atMs, deliveries], index) => ({ index, atMs, looks: deliveries }));
}

function keyOf({ workload, problem, image }: SeenProblem): string {
  return `${workload.id} ${problem} ${image}`;
}
