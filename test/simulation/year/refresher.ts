import { Logger } from '@aws-lambda-powertools/logger';
import type { Context } from 'aws-lambda';
import { createHttp, DEFAULT_RETRY_POLICY } from '../../../lambda/core/http';
import type { RefresherSettings } from '../../../lambda/core/model';
import { createProof } from '../../../lambda/core/registries/proof';
import { createRoutes, RunpodAccount } from '../../../lambda/core/runpod/account';
import { createHandler, type Handler } from '../../../lambda/refresh-credentials/handler';
import type { RunMetrics } from '../../../lambda/refresh-credentials/telemetry';
import type { InvocationContext, InvocationResult, Invoke } from '../lambda-function';
import type { Chance } from './chance';
import { InvocationClock } from './invocation-clock';
import type { World } from './world';

/** How long Lambda keeps a process that has nothing to do: it does not say; this is on the short side and the long. */
const KEPT_WARM_MS = { least: 5 * 60_000, most: 45 * 60_000 };

/** Says nothing: a hundred years of log lines would take longer to write than to live. */
class SilentLogger extends Logger {
  override addContext(): void {}
  override info(): void {}
  override warn(): void {}
  override error(): void {}
}

/** A process that runs the function, one invocation at a time. */
interface Process {
  readonly handler: Handler;
  readonly clock: InvocationClock;
  busyUntilMs: number;
  keptUntilMs: number;
}

/**
 * The function itself: its real handler with its real decisions, its sending and its retries. Only the socket and the
 * two AWS clients are the world's.
 */
export class Refresher {
  readonly #settings: RefresherSettings;
  readonly #world: World;
  readonly #chance: Chance;
  readonly #logger = new SilentLogger();
  #metrics: RunMetrics = {};
  #processes: Process[] = [];

  constructor(settings: RefresherSettings, world: World, chance: Chance) {
    this.#settings = settings;
    this.#world = world;
    this.#chance = chance;
  }

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
    process.keptUntilMs = endedMs + this.#chance.between(KEPT_WARM_MS.least, KEPT_WARM_MS.most);
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
    const clock = new InvocationClock(nowMs, this.#chance.next);
    const { runpod } = this.#settings;
    const http = createHttp({ transport: this.#world.transport(clock), clock, policy: DEFAULT_RETRY_POLICY });
    const handler = createHandler({
      settings: this.#settings,
      logger: this.#logger,
      publishMetrics: (metrics) => {
        this.#metrics = metrics;
      },
      services: {
        clock,
        createSecretReader: () => this.#world.readSecret(clock),
        issueCredential: this.#world.issueCredential(clock),
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
