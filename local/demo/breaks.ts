/** What can be broken in the demo. `doctor` finds each one and says its fix. */

import type { AlarmName } from '../../lambda/core/contract';
import {
  type DemoWorld,
  FAILED_PULL,
  KEY_SECRET,
  PROD_AUTH_ID,
  PROD_IMAGE,
  SPARE_KEY_FILE,
} from './demo-world';

/** One thing that can be broken. */
export interface Break {
  /** One sentence: what happened. */
  readonly what: string;
  /** How a person fixes it inside the demo where doctor's fix needs something from outside. @default - as doctor says */
  readonly hint?: string;
  /** Whether a person can fix it inside the demo. @default true */
  readonly byHand?: false;
  /** When the alarm goes off that the runbook's heading names. @default - it goes off now, or there is none */
  readonly later?: string;
  /** The heading of the runbook that leads to the fix. @default - no alarm goes off; only doctor finds it */
  readonly runbook?: string;
  readonly apply: (world: DemoWorld) => void | Promise<void>;
  /** Returns whether it is still as `apply` left it. */
  readonly holds: (world: DemoWorld) => boolean;
}

const STORE_NEW_KEY = `a new key is in ${SPARE_KEY_FILE}: npx runpod-ecr init --store-key --replace-key --key-stdin < ${SPARE_KEY_FILE}`;

/** A password that no registry accepts. */
const OLD_PASSWORD = 'expired';

/** Every break, by its name. */
export const BREAKS: Readonly<Record<string, Break>> = {
  key: {
    what: 'the Runpod API key was revoked',
    hint: STORE_NEW_KEY,
    runbook: 'OperatorActionNeeded',
    apply: (world) => {
      world.cloud.runpod.revoke(world.storedKey);
      return failRun(world);
    },
    holds: (world) => world.cloud.runpod.scopeOf(world.storedKey) === undefined,
  },
  'key-scope': {
    what: 'the Runpod API key may read registry auths, but not write them',
    hint: STORE_NEW_KEY,
    runbook: 'OperatorActionNeeded',
    apply: (world) => {
      world.storeKey('read-only');
      return failRun(world);
    },
    holds: (world) => world.cloud.runpod.scopeOf(world.storedKey) === 'read-only',
  },
  secret: {
    what: 'the secret with the Runpod API key was deleted',
    hint: `a new secret starts no run, so refresh after this; ${STORE_NEW_KEY}`,
    runbook: 'OperatorActionNeeded',
    apply: (world) => {
      world.cloud.aws.secrets.remove(KEY_SECRET);
      return failRun(world);
    },
    holds: ({ cloud }) => cloud.aws.secrets.get(KEY_SECRET) === undefined,
  },
  auth: {
    what: 'somebody deleted the registry auth of target prod at Runpod',
    hint: 'edit refresher.config.json as doctor says and deploy it; then doctor shows how to attach the new registry auth',
    runbook: 'OperatorActionNeeded',
    apply: (world) => {
      world.user.delete(PROD_AUTH_ID);
      return failRun(world);
    },
    holds: (world) =>
      world.user.find(PROD_AUTH_ID) === undefined && world.deployedConfig.includes(PROD_AUTH_ID),
  },
  permission: {
    what: "the function's role lost the permission to get credentials from ECR",
    runbook: 'OperatorActionNeeded',
    apply: (world) => {
      world.deny('ecr:GetAuthorizationToken');
      return failRun(world);
    },
    holds: (world) => world.hasDenials,
  },
  registry: {
    what: 'Amazon ECR is down',
    byHand: false,
    runbook: 'RefreshFailing',
    later: 'when runs have failed for more than an hour',
    apply: ({ cloud }) => {
      const isToken = { operation: 'GetAuthorizationToken' };
      const down = { status: 503, body: { __type: 'ServerException', message: 'Service Unavailable' } };
      for (const server of [cloud.aws, cloud.operatorAws]) server.faults.add(isToken, down);
      // Clients of ECR's API get layers from S3.
      cloud.registry.faults.add({ path: /\/manifests\// }, { status: 503 });
    },
    holds: () => true,
  },
  'registry-denies': {
    what: "the repository's policy refuses pulls",
    byHand: false,
    runbook: 'OperatorActionNeeded',
    apply: (world) => {
      world.cloud.registry.denied.add(PROD_IMAGE[0]);
      return failRun(world);
    },
    holds: ({ cloud }) => cloud.registry.denied.has(PROD_IMAGE[0]),
  },
  image: {
    what: 'the image that target prod proves was deleted from its repository',
    byHand: false,
    runbook: 'ImagesUnpullable',
    apply: (world) => {
      world.cloud.registry.removeImage(...PROD_IMAGE);
      return failPulls(world, 'ImagesUnpullable');
    },
    holds: () => true,
  },
  platform: {
    what: 'the image was pushed from a Mac: it is for arm64, and workers are amd64',
    byHand: false,
    runbook: 'ImagesUnpullable',
    apply: (world) => {
      world.cloud.registry.addImage(...PROD_IMAGE, 'arm64');
      return failPulls(world, 'ImagesUnpullable');
    },
    holds: () => true,
  },
  stack: {
    what: 'the configuration was changed and not deployed',
    apply: (world) => world.writeConfig({ refreshIntervalHours: 4 }),
    holds: (world) => !world.isDeployed,
  },
  function: {
    what: 'somebody deleted the function, although its stack exists',
    runbook: 'ScheduleBroken',
    later: 'when the schedule could not invoke the function',
    apply: async ({ cloud: { functionApi }, outputs }) => {
      const name = outputs.FunctionName ?? '';
      await functionApi.functions.get(name)?.runtime.stop();
      functionApi.functions.delete(name);
    },
    holds: ({ cloud, outputs }) => !cloud.functionApi.functions.has(outputs.FunctionName ?? ''),
  },
  schedule: {
    what: 'somebody disabled the schedule',
    runbook: 'RefreshSilent',
    later: 'when no run has succeeded for seven hours',
    apply: ({ cloud, outputs }) => {
      cloud.operatorAws.observations.rules.set(outputs.RuleName ?? '', 'DISABLED');
    },
    holds: ({ cloud, outputs }) =>
      cloud.operatorAws.observations.rules.get(outputs.RuleName ?? '') === 'DISABLED',
  },
  silence: {
    what: 'the function has not run for 12 hours',
    runbook: 'RefreshSilent',
    apply: (world) => {
      world.cloud.operatorAws.observations.forget(world.outputs.LogGroupName ?? '');
      ring(world, 'RefreshSilent');
    },
    holds: (world) => world.alarm('RefreshSilent').state === 'ALARM',
  },
  worker: {
    what: 'a worker cannot pull: somebody wrote an old password over the registry auth of staging',
    hint: 'do as doctor says, and wait half a minute: a new worker pulls, and the watch looks again',
    runbook: 'PullsFailing',
    apply: (world) => {
      const endpoint = world.endpoint('images-staging');
      const staging = world.user.find(endpoint.registry ?? '');
      if (staging) staging.password = OLD_PASSWORD;
      const [worker] = endpoint.workers?.running ?? [];
      worker?.logs?.push({ source: 'system', line: expired(endpoint.image), ts: new Date() });
      ring(world, 'PullsFailing');
    },
    holds: (world) =>
      world.user.find(world.endpoint('images-staging').registry ?? '')?.password === OLD_PASSWORD,
  },
  'not-attached': {
    what: 'an endpoint with a private image names no registry auth',
    hint: 'do as doctor says; the watch looks again within half a minute, which ends its alarm',
    runbook: 'ImagesUnpullable',
    apply: (world) => {
      world.endpoint('images').registry = null;
      return failPulls(world, 'ImagesUnpullable');
    },
    holds: (world) => world.endpoint('images').registry === null,
  },
  queue: {
    what: 'a run failed for six hours, and its event lies in the dead-letter queue',
    runbook: 'RetriesExhausted',
    apply: (world) => {
      world.cloud.operatorAws.observations.queues.set(world.outputs.DeadLetterQueueUrl ?? '', 1);
      ring(world, 'RetriesExhausted');
    },
    holds: ({ cloud, outputs }) =>
      (cloud.operatorAws.observations.queues.get(outputs.DeadLetterQueueUrl ?? '') ?? 0) > 0,
  },
  topic: {
    what: 'nobody confirmed the subscription, so nobody is paged',
    runbook: 'With the AWS CLI',
    apply: ({ cloud }) => {
      for (const subscriber of [...cloud.operatorAws.topics.topics.values()].flat()) {
        subscriber.confirmed = false;
      }
    },
    holds: ({ cloud }) =>
      [...cloud.operatorAws.topics.topics.values()].flat().some(({ confirmed }) => !confirmed),
  },
  muted: {
    what: 'somebody muted an alarm',
    runbook: 'With the AWS CLI',
    apply: (world) => {
      world.alarm('RefreshFailing').muted = true;
    },
    holds: (world) => world.alarm('RefreshFailing').muted,
  },
};

/** Returns one line for each break. */
export function describeBreaks(): string[] {
  const width = Math.max(...Object.keys(BREAKS).map((name) => name.length));
  return Object.entries(BREAKS).map(([name, { what }]) => `${name.padEnd(width)}  ${what}`);
}

/** Runs the refresher, which fails, so that the log and the alarms tell of it. */
async function failRun(world: DemoWorld): Promise<void> {
  await world.refresh();
  ring(world, 'OperatorActionNeeded');
}

/** Lets the watch find the problem in two looks, so that its alarm goes off. */
async function failPulls(world: DemoWorld, name: AlarmName): Promise<void> {
  await world.lookTwice();
  ring(world, name);
}

function ring(world: DemoWorld, name: AlarmName): void {
  world.alarm(name).state = 'ALARM';
}

/** The line of a worker's log about a credential that has expired. */
function expired(image: string): string {
  return `${FAILED_PULL}Error response from daemon: Head "https://${image}": denied: Your authorization token has expired. Reauthenticate and try again.`;
}
