/** What the caller breaks. The function's own failures are the business of `invoke`. */

/** Why a rule cannot invoke: `denied` is never retried by EventBridge, `unavailable` is. */
export type DeliveryFault = 'denied' | 'unavailable';

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Faults of the services around the function, each from a time on and up to another, which is not included. */
export class Faults {
  readonly #delivery: (Span & { readonly kind: DeliveryFault })[] = [];
  readonly #throttling: Span[] = [];
  readonly #disabled: Span[] = [];
  readonly #metricsLost: Span[] = [];

  /**
   * Rules cannot invoke the function. Without permission (`denied`) the event goes to the target's dead-letter queue at
   * once; otherwise it is retried within the target's retry policy first.
   */
  lambdaDelivery(fromMs: number, toMs: number, kind: DeliveryFault = 'denied'): void {
    this.#delivery.push({ fromMs, toMs, kind });
  }

  /** Lambda has no concurrency left. */
  throttling(fromMs: number, toMs: number): void {
    this.#throttling.push({ fromMs, toMs });
  }

  /** The schedule does not fire: the rule is disabled or deleted. */
  scheduleSilent(fromMs: number, toMs: number): void {
    this.#disabled.push({ fromMs, toMs });
  }

  /** The function's own metrics do not arrive: its log group is gone, or it may not write to it. */
  ownMetricsLost(fromMs: number, toMs: number): void {
    this.#metricsLost.push({ fromMs, toMs });
  }

  deliveryFault(atMs: number): DeliveryFault | undefined {
    return this.#delivery.find((span) => covers(span, atMs))?.kind;
  }

  isThrottled(atMs: number): boolean {
    return this.#throttling.some((span) => covers(span, atMs));
  }

  isScheduleSilent(atMs: number): boolean {
    return this.#disabled.some((span) => covers(span, atMs));
  }

  areOwnMetricsLost(atMs: number): boolean {
    return this.#metricsLost.some((span) => covers(span, atMs));
  }
}

function covers({ fromMs, toMs }: Span, atMs: number): boolean {
  return fromMs <= atMs && atMs < toMs;
}
