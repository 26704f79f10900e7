/** A fresh look at the pulls of workers, with the code of the watch and the operator's own AWS credentials. */

import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { systemClock } from '../../lambda/core/clock';
import { once } from '../../lambda/core/concurrency';
import { RefresherError } from '../../lambda/core/errors';
import { lookAtPulls } from '../../lambda/core/pulls/look';
import type { Look } from '../../lambda/core/pulls/model';
import { RateLimiter } from '../../lambda/core/rate-limit';
import { createInspectImage } from '../../lambda/core/registries/manifests';
import { createCredentialIssuer } from '../../lambda/core/registries/registries';
import type { RunpodCall } from '../../lambda/core/runpod/api';
import {
  RunpodWorkloads,
  type Worker,
  type Workload,
  type WorkloadKind,
  watchAllowance,
} from '../../lambda/core/runpod/workloads';
import { createSecretReader } from '../../lambda/core/secrets';
import { withPlaceInErrors } from '../aws-clients';
import type { Operator } from '../operator';

/** A workload that cannot pull logs it every few minutes. Older lines may be of a problem that is fixed. */
export const LOG_MINUTES = 15;

/** The interval on which the share of Runpod's quota depends when there is no watch, in minutes. */
const DEFAULT_INTERVAL_MINUTES = 60;

/** A fresh look. */
export interface FreshLook extends Look {
  /** What the key in each secret lists: endpoints, Pods and templates. */
  readonly listed: ReadonlyMap<string, readonly Workload[]>;
  /** Why templates could not be listed. @default - they were */
  readonly templatesUnlisted?: string;
  /** Whether the time limit was reached. */
  readonly outOfTime: boolean;
}

/** How far a look has come. It is kept up to date. */
export interface LookProgress {
  images: number;
  logs: number;
}

/**
 * Looks at endpoints, Pods and templates now. What could not be looked at within the time limit is in the result.
 *
 * @param limitMs - no request starts later, in milliseconds
 * @throws ConfigError or CliError
 */
export async function lookAfresh(
  operator: Operator,
  limitMs: number,
  progress: LookProgress,
): Promise<FreshLook> {
  const settings = await operator.settings();
  const { stack } = operator.options;
  const watch = settings.pullWatch ?? (stack === undefined ? operator.config().pullWatch : undefined);
  const { intervalMinutes = DEFAULT_INTERVAL_MINUTES, ignore = [] } = watch ?? {};
  const accounts = new Map<string, AllWorkloads>();
  const inspectImage = createInspectImage(operator.http);
  const nowMs = systemClock.now();
  const deadlineMs = systemClock.steady() + limitMs;
  const look = await lookAtPulls(
    {
      targets: settings.targets,
      ignore,
      deadlineMs,
      logEndMs: nowMs,
      logSinceMs: () => nowMs - LOG_MINUTES * 60_000,
    },
    {
      clock: systemClock,
      createSecretReader: () => createSecretReader(operator.client(SecretsManagerClient), systemClock),
      issueCredential: createCredentialIssuer(systemClock, 0, withPlaceInErrors),
      inspectImage: async (...asked) => {
        const state = await inspectImage(...asked);
        progress.images += 1;
        return state;
      },
      workloadsOf: (secretName) =>
        once(accounts, secretName, () => {
          const rateLimiter = new RateLimiter(watchAllowance(intervalMinutes * 60));
          return new AllWorkloads(operator, settings.runpod.restV2Url, rateLimiter, progress);
        }),
    },
  );
  const unlisted = [...accounts.values()].flatMap(({ templatesUnlisted }) => templatesUnlisted ?? []);
  return {
    ...look,
    outOfTime: systemClock.steady() >= deadlineMs,
    listed: new Map([...accounts].map(([secretName, { listed }]) => [secretName, listed])),
    ...(unlisted[0] !== undefined && { templatesUnlisted: unlisted[0] }),
  };
}

/**
 * The workloads of one account, with its templates among the Pods. The watch leaves templates out, because no worker
 * runs from them by itself. A person wants to know before they choose one.
 */
class AllWorkloads extends RunpodWorkloads {
  readonly listed: Workload[] = [];
  templatesUnlisted: string | undefined;
  readonly #progress: LookProgress;

  constructor(operator: Operator, restV2Url: string, rateLimiter: RateLimiter, progress: LookProgress) {
    super(operator.http, restV2Url, rateLimiter);
    this.#progress = progress;
  }

  override async workloads(call: RunpodCall, kind: WorkloadKind): Promise<Workload[]> {
    const found = await super.workloads(call, kind);
    if (kind === 'pod') found.push(...(await this.#templates(call)));
    this.listed.push(...found);
    return found;
  }

  /** A template has no workers. */
  override async workers(call: RunpodCall, id: string): Promise<Worker[]> {
    const isTemplate = this.listed.some((workload) => workload.kind === 'template' && workload.id === id);
    return isTemplate ? [] : super.workers(call, id);
  }

  override async systemLog(...asked: Parameters<RunpodWorkloads['systemLog']>) {
    const log = await super.systemLog(...asked);
    this.#progress.logs += 1;
    return log;
  }

  async #templates(call: RunpodCall): Promise<Workload[]> {
    try {
      const found = await super.workloads(call, 'template');
      return found.map((template) => ({ ...template, active: true }));
    } catch (error) {
      if (!(error instanceof RefresherError)) throw error;
      this.templatesUnlisted = error.message;
      return [];
    }
  }
}
