/** The clock of a discrete-event simulation: time jumps from one planned event to the next. */

/** What an event does. A promise is awaited before time goes on. */
export type Action = () => Promise<void> | void;

interface Entry {
  readonly atMs: number;
  /** Events with the same time run in the order in which they were planned. */
  readonly order: number;
  readonly run: Action;
}

/** A binary heap of planned events, and the virtual clock that they drive. */
export class EventQueue {
  readonly #heap: Entry[] = [];
  #order = 0;
  #nowMs: number;

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  /** The virtual time, in milliseconds since the epoch. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Plans an event. A time in the past means now. */
  at(atMs: number, run: Action): void {
    const entry = { atMs: Math.max(atMs, this.#nowMs), order: this.#order++, run };
    this.#heap.push(entry);
    this.#rise(this.#heap.length - 1, entry);
  }

  /** Runs all events up to and including `untilMs`. The clock then shows that time. */
  async runUntil(untilMs: number): Promise<void> {
    for (let next = this.#heap[0]; next && next.atMs <= untilMs; next = this.#heap[0]) {
      this.#removeFirst();
      this.#nowMs = next.atMs;
      const pending = next.run();
      // Awaiting synchronous events too would double the duration of a long simulation.
      if (pending) await pending;
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (last && this.#heap.length > 0) this.#sink(last);
  }

  #rise(from: number, entry: Entry): void {
    let index = from;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.#heap[parentIndex];
      if (!parent || isBefore(parent, entry)) break;
      this.#heap[index] = parent;
      index = parentIndex;
    }
    this.#heap[index] = entry;
  }

  #sink(entry: Entry): void {
    let index = 0;
    for (;;) {
      const childIndex = this.#earlierChild(index);
      const child = this.#heap[childIndex];
      if (!child || isBefore(entry, child)) break;
      this.#heap[index] = child;
      index = childIndex;
    }
    this.#heap[index] = entry;
  }

  #earlierChild(index: number): number {
    const left = 2 * index + 1;
    const [a, b] = [this.#heap[left], this.#heap[left + 1]];
    return a && b && isBefore(b, a) ? left + 1 : left;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
