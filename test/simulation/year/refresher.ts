import { Logger } from '@aws-lambda-powertools/logger';
import type { Context } from 'aws-lambda';
import type { Clock } from '../../../lambda/core/clock';
import type { Side } from '../../../lambda/core/contract';
import { createHttp, DEFAULT_RETRY_POLICY } from '../../../lambda/core/http';
import type { RunMetrics } from '../../../lambda/core/metrics';
import type { RefresherSettings } from '../../../lambda/core/model';
import { createProof } from '../../../lambda/core/registries/proof';
import { createRoutes, RunpodAccount } from '../../../lambda/core/runpod/account';
import { createHandler, type Handler } from '../../../lambda/refresh-credentials/handler';
import type { TellOtherRegion } from '../../../lambda/refresh-credentials/other-region';
import type { InvocationContext, InvocationResult, Invoke } from '../lambda-function';
import { InvocationClock } from './invocation-clock';
import type { SeededRandom } from './random';
import type { World } from './world';

/** How long Lambda keeps an idle process. AWS does not publish it, so a wide range is drawn from. */
const KEPT_WARM_MS = { least: 5 * 60_000, most: 45 * 60_000 };

/** Logs nothing: a hundred years of log lines would take longer than the simulation. */
class SilentLogger extends Logger {
  override addContext(): void {}
  override info(): void {}
  override warn(): void {}
  override error(): void {}
}

/** A Lambda process, which handles one invocation at a time. */
interface Process {
  readonly handler: Handler;
  readonly clock: InvocationClock;
  busyUntilMs: number;
  keptUntilMs: number;
}

/** Makes the function that reports a success to the other region. Sending takes time on the clock. */
export type TellVia = (clock: Clock) => TellOtherRegion;

/** The input of a refresher. */
export interface RefresherProps {
  readonly settings: RefresherSettings;
  readonly world: World;
  readonly random: SeededRandom;
  readonly side: Side;
  /** @default - there is no other region */
  readonly tellVia?: TellVia | undefined;
}

/**
 * Runs the function's real handler in virtual time, with its real HTTP retries and decisions. The world replaces only the
 * socket and the two AWS clients.
 */
export class Refresher {
  readonly #settings: RefresherSettings;
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #side: Side;
  readonly #tellVia: TellVia | undefined;
  readonly #logger = new SilentLogger();
  #metrics: RunMetrics = {};
  #processes: Process[] = [];

  constructor({ settings, world, random, side, tellVia }: RefresherProps) {
    this.#settings = settings;
    this.#world = world;
    this.#random = random;
    this.#side = side;
    this.#tellVia = tellVia;
  }

  /** Handles one invocation in an idle or a new process. */
  readonly invoke: Invoke = async (event, context): Promise<InvocationResult> => {
    const process = this.#processFor(context.nowMs);
    process.clock.restart(context.nowMs);
    this.#metrics = {};
    let failure: unknown;
    await process.handler(event, lambdaContext(context, process.clock)).catch((error: unknown) => {
      failure = error;
    });
    const endedMs = process.clock.now();
    process.busyUntilMs = endedMs;
    process.keptUntilMs = endedMs + this.#random.between(KEPT_WARM_MS.least, KEPT_WARM_MS.most);
    const report = { durationMs: endedMs - context.nowMs, metrics: this.#metrics };
    return failure === undefined ? { ok: true, ...report } : { ok: false, ...report, error: String(failure) };
  };

  #processFor(nowMs: number): Process {
    this.#processes = this.#processes.filter(({ keptUntilMs }) => keptUntilMs >= nowMs);
    const idle = this.#processes.find(({ busyUntilMs }) => busyUntilMs <= nowMs);
    if (idle) return idle;
    const process = this.#start(nowMs);
    this.#processes.push(process);
    return process;
  }

  #start(nowMs: number): Process {
    const clock = new InvocationClock(nowMs, this.#random.next);
    const { runpod } = this.#settings;
    const http = createHttp({
      transport: this.#world.transport(clock, this.#side),
      clock,
      policy: DEFAULT_RETRY_POLICY,
    });
    const handler = createHandler({
      settings: this.#settings,
      logger: this.#logger,
      publishMetrics: (metrics) => {
        this.#metrics = metrics;
      },
      tellOtherRegion: this.#tellVia?.(clock),
      services: {
        clock,
        createSecretReader: () => this.#world.readSecret(clock, this.#side),
        issueCredential: this.#world.issueCredential(clock, this.#side),
        prove: createProof(http),
        createAccount: () => new RunpodAccount(createRoutes(http, runpod), clock),
      },
    });
    return { handler, clock, busyUntilMs: nowMs, keptUntilMs: nowMs };
  }
}

function lambdaContext(
  { nowMs, functionId, requestId, timeoutMs }: InvocationContext,
  clock: InvocationClock,
): Context {
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: functionId,
    functionVersion: '$LATEST',
    invokedFunctionArn: `arn:aws:lambda:us-east-1:123456789012:function:${functionId}`,
    memoryLimitInMB: '256',
    awsRequestId: requestId,
    logGroupName: functionId,
    logStreamName: functionId,
    getRemainingTimeInMillis: () => nowMs + timeoutMs - clock.now(),
    done: () => undefined,
    fail: () => undefined,
    succeed: () => undefined,
  };
}
