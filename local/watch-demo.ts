/** The last part of the demo: the watch looks at endpoints whose workers can pull, then at one whose tag is gone. */

import { dirname, join } from 'node:path';
import type { Target, WatchReport } from '../lambda/core/model';
import type { CloudFormationTemplate } from '../lib/synthesise';
import type { EmbeddedCloud } from './cloud';
import { LambdaRuntime } from './lambda-runtime';
import type { StoredWorker, StoredWorkload } from './runpod/accounts';
import { type Accounts, imageOf, registryOf } from './seed';

/** The log group that the embedded Lambda names in the environment of a function. */
const LOG_GROUP = '/aws/lambda/refresher';

/** The embedded cloud with a synthesised stack in it. */
export interface WatchedCloud {
  readonly cloud: EmbeddedCloud;
  readonly accounts: Accounts;
  readonly targets: readonly Target[];
  readonly template: CloudFormationTemplate;
  /** Directory of the refresher's asset. That of the watch is beside it. */
  readonly assetDirectory: string;
}

/** Returns the directory of the watch's asset; undefined when the stack has no watch. */
export function watchDirectory({
  template,
  assetDirectory,
}: Pick<WatchedCloud, 'template' | 'assetDirectory'>): string | undefined {
  const [, watch] =
    Object.entries(template.Resources).find(
      ([id, { Type }]) => Type === 'AWS::Lambda::Function' && id.startsWith('PullWatchFunction'),
    ) ?? [];
  if (!watch) return undefined;
  const { S3Key } = watch.Properties.Code as { S3Key: string };
  return join(dirname(assetDirectory), `asset.${S3Key.replace(/\.zip$/, '')}`);
}

/** The watch of a stack on the embedded cloud, with one endpoint for each target. */
export class WatchDemo {
  /** Id and image of each endpoint, in the order of the targets. */
  readonly endpoints: readonly StoredWorkload[];
  readonly #watched: WatchedCloud;
  readonly #lambda: LambdaRuntime;

  private constructor(watched: WatchedCloud, directory: string, endpoints: readonly StoredWorkload[]) {
    this.#watched = watched;
    this.endpoints = endpoints;
    this.#lambda = new LambdaRuntime({
      assetDirectory: directory,
      environment: watched.cloud.environment(),
    });
  }

  /** Adds an endpoint with a worker for each target. Undefined when the stack has no watch. */
  static async start(watched: WatchedCloud): Promise<WatchDemo | undefined> {
    const directory = watchDirectory(watched);
    if (directory === undefined) return undefined;
    const { cloud, accounts, targets } = watched;
    const endpoints = await Promise.all(targets.map((target) => endpointOf(cloud, accounts, target)));
    for (const [index, { runpodApiKeySecretName }] of targets.entries()) {
      const endpoint = endpoints[index];
      if (endpoint) accounts.get(runpodApiKeySecretName)?.workloads.serverless.push(endpoint);
    }
    // The log group exists before the first look.
    cloud.aws.logs.put(LOG_GROUP, new Date(), []);
    return new WatchDemo(watched, directory, endpoints);
  }

  /** Deletes the tag of the first target. Its workers stop, because an endpoint without requests needs none. */
  async deleteTag(): Promise<void> {
    const { cloud, targets } = this.#watched;
    const [target] = targets;
    if (target) (await registryOf(cloud, target.registry)).removeImage(...imageOf(target));
    for (const { workers } of this.endpoints) workers?.running.splice(0);
  }

  /** Invokes the watch once for this event. @throws Error when it fails */
  async look(event: object): Promise<WatchReport> {
    const { ok, result, error, stdout } = await this.#lambda.invoke<WatchReport>(event);
    this.#watched.cloud.aws.logs.put(LOG_GROUP, new Date(), stdout);
    if (!ok) throw new Error(`${error.errorType}: ${error.errorMessage}`);
    return result;
  }

  async stop(): Promise<void> {
    await this.#lambda.stop();
  }
}

async function endpointOf(cloud: EmbeddedCloud, accounts: Accounts, target: Target): Promise<StoredWorkload> {
  const { name, registryAuthId, registryAuthName, runpodApiKeySecretName } = target;
  const auth = accounts
    .get(runpodApiKeySecretName)
    ?.auths.find((one) => one.id === registryAuthId || one.name === registryAuthName);
  const [repository, reference] = imageOf(target);
  const { url } = await registryOf(cloud, target.registry);
  const isDigest = reference.startsWith('sha256:');
  return {
    id: `ep-${name}`,
    name,
    image: `${new URL(url).host}/${repository}${isDigest ? '@' : ':'}${reference}`,
    registry: auth?.id ?? null,
    workers: { min: 0, max: 3, running: [workerOf(name)] },
  };
}

/** A worker that pulled its image a minute ago. The watch waits long for a log without any line. */
function workerOf(name: string): StoredWorker {
  const ts = new Date(Date.now() - 60_000);
  return { id: `worker-${name}`, logs: [{ source: 'system', line: 'image pull complete', ts }] };
}
