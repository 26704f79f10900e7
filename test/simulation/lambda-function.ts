import { METRIC_NAMESPACE } from '../../lambda/core/contract';
import type { Cloud } from './cloud';
import type { FunctionResource } from './template';

/** The outcome of one invocation. */
export interface InvocationResult {
  readonly ok: boolean;
  readonly durationMs: number;
  /** The metrics that are sent at the end, by name. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Why it failed. */
  readonly error?: string;
}

/** What `Invoke` gets besides the event. */
export interface InvocationContext {
  readonly nowMs: number;
  readonly functionId: string;
  readonly requestId: string;
  /** The function's timeout. An invocation that lasts longer fails, and its metrics are lost. */
  readonly timeoutMs: number;
}

/** Behaves like the function. */
export type Invoke = (
  event: unknown,
  context: InvocationContext,
) => Promise<InvocationResult> | InvocationResult;

/** A function as Lambda runs it, with its timeout and the metrics of AWS/Lambda. */
export class SimulatedFunction {
  readonly resource: FunctionResource;
  readonly #cloud: Cloud;
  readonly #invoke: Invoke;
  /** Value of the dimension `service` of the function's own metrics. */
  readonly #service: string;

  constructor(resource: FunctionResource, cloud: Cloud, invoke: Invoke, service: string) {
    this.resource = resource;
    this.#cloud = cloud;
    this.#invoke = invoke;
    this.#service = service;
  }

  /** Returns whether Lambda throttles the function now. If so, this counts as a throttle. */
  isThrottled(): boolean {
    const { events, faults } = this.#cloud;
    if (!faults.isThrottled(events.nowMs)) return false;
    this.#count('Throttles', events.nowMs, 1);
    this.#cloud.log(this.resource.id, 'throttled');
    return true;
  }

  /** Invokes the function now and calls `done` when it ends. */
  async run(event: unknown, requestId: string, done: (result: InvocationResult) => void): Promise<void> {
    const { events, log } = this.#cloud;
    const startedMs = events.nowMs;
    const { id, timeoutMs } = this.resource;
    const reported = await this.#invoke(event, { nowMs: startedMs, functionId: id, requestId, timeoutMs });
    const result =
      reported.durationMs > timeoutMs
        ? { ok: false, durationMs: timeoutMs, metrics: {}, error: `timed out after ${timeoutMs} ms` }
        : reported;
    events.at(startedMs + result.durationMs, () => {
      log(id, result.ok ? 'succeeded' : `failed: ${result.error ?? 'no reason given'}`);
      this.#publish(startedMs, result);
      done(result);
    });
  }

  /** Sends the metrics at the end of the invocation. Lambda's own have the time of its start. */
  #publish(startedMs: number, { ok, durationMs, metrics }: InvocationResult): void {
    const { events, faults } = this.#cloud;
    this.#count('Invocations', startedMs, 1);
    this.#count('Errors', startedMs, ok ? 0 : 1);
    this.#count('Duration', startedMs, durationMs);
    if (faults.areOwnMetricsLost(events.nowMs)) return;
    for (const [name, value] of Object.entries(metrics)) {
      const own = { namespace: METRIC_NAMESPACE, name, dimensions: { service: this.#service } };
      this.#cloud.metrics.put(own, events.nowMs, value);
    }
  }

  #count(name: string, atMs: number, value: number): void {
    const metric = { namespace: 'AWS/Lambda', name, dimensions: { FunctionName: this.resource.id } };
    this.#cloud.metrics.put(metric, atMs, value, this.#cloud.events.nowMs);
  }
}
