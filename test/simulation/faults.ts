/** Why a rule cannot invoke its target. EventBridge retries `unavailable` but not `denied`. */
export type DeliveryFault = 'denied' | 'unavailable';

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * Faults of the services around the function. Each lasts from `fromMs` until just before `toMs`.
 *
 * The function's own failures are not faults: `Invoke` returns them.
 */
export class Faults {
  readonly #delivery: (Span & { readonly kind: DeliveryFault })[] = [];
  readonly #throttling: Span[] = [];
  readonly #disabled: Span[] = [];
  readonly #metricsLost: Span[] = [];
  readonly #cloudWatchDown: Span[] = [];
  readonly #doubled: (Span & { readonly afterMs: number })[] = [];

  /**
   * Rules cannot invoke the function. A `denied` event goes to the target's dead-letter queue at once, an `unavailable` one
   * after the retries of the target's retry policy.
   */
  lambdaDelivery(fromMs: number, toMs: number, kind: DeliveryFault = 'denied'): void {
    this.#delivery.push({ fromMs, toMs, kind });
  }

  /** Lambda has no concurrency left. */
  throttling(fromMs: number, toMs: number): void {
    this.#throttling.push({ fromMs, toMs });
  }

  /** The schedule does not fire, as when the rule is disabled or deleted. */
  scheduleSilent(fromMs: number, toMs: number): void {
    this.#disabled.push({ fromMs, toMs });
  }

  /** The function's own metrics do not arrive, as when its log group is missing. */
  ownMetricsLost(fromMs: number, toMs: number): void {
    this.#metricsLost.push({ fromMs, toMs });
  }

  /** CloudWatch drops every metric, and evaluates no alarm. Alarms are evaluated again from `toMs` on. */
  cloudWatchDown(fromMs: number, toMs: number): void {
    this.#cloudWatchDown.push({ fromMs, toMs });
  }

  /** Rules deliver each event twice, the second time this much later. EventBridge promises "at least once". */
  deliveredTwice(fromMs: number, toMs: number, afterMs: number): void {
    this.#doubled.push({ fromMs, toMs, afterMs });
  }

  /** Returns after how long an event of this time is delivered again, if it is. */
  secondDeliveryAfterMs(atMs: number): number | undefined {
    return this.#doubled.find((span) => covers(span, atMs))?.afterMs;
  }

  /** Returns why rules cannot invoke at this time, if they cannot. */
  deliveryFault(atMs: number): DeliveryFault | undefined {
    return this.#delivery.find((span) => covers(span, atMs))?.kind;
  }

  /** Returns whether Lambda throttles at this time. */
  isThrottled(atMs: number): boolean {
    return this.#throttling.some((span) => covers(span, atMs));
  }

  /** Returns whether the schedule is silent at this time. */
  isScheduleSilent(atMs: number): boolean {
    return this.#disabled.some((span) => covers(span, atMs));
  }

  /** Returns whether the function's own metrics are lost at this time. */
  areOwnMetricsLost(atMs: number): boolean {
    return this.#metricsLost.some((span) => covers(span, atMs));
  }

  /** Returns whether CloudWatch is down at this time. */
  isCloudWatchDown(atMs: number): boolean {
    return this.#cloudWatchDown.some((span) => covers(span, atMs));
  }

  /** Returns the first time, at or after this one, at which CloudWatch is not down. */
  cloudWatchBackMs(atMs: number): number {
    const span = this.#cloudWatchDown.find((one) => covers(one, atMs));
    return span ? this.cloudWatchBackMs(span.toMs) : atMs;
  }
}

function covers({ fromMs, toMs }: Span, atMs: number): boolean {
  return fromMs <= atMs && atMs < toMs;
}
