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
  /** The heading of the runbook that leads to the fix. @default - no alarm goes off; only doctor finds it */
  readonly runbook?: string;
  readonly apply: (world: DemoWorld) => void | Promise<void>;
}

const STORE_NEW_KEY = `a new key is in ${SPARE_KEY_FILE}: npx runpod-ecr init --store-key --replace-key --key-stdin < ${SPARE_KEY_FILE}`;

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
  },
  'key-scope': {
    what: 'the Runpod API key may read registry auths, but not write them',
    hint: STORE_NEW_KEY,
    runbook: 'OperatorActionNeeded',
    apply: (world) => {
      world.storeKey('read-only');
      return failRun(world);
    },
  },
  secret: {
    what: 'the secret with the Runpod API key was deleted',
    hint: STORE_NEW_KEY,
    runbook: 'OperatorActionNeeded',
    apply: (world) => {
      world.cloud.aws.secrets.remove(KEY_SECRET);
      return failRun(world);
    },
  },
  auth: {
    what: 'somebody deleted the registry auth of target prod at Runpod',
    runbook: 'OperatorActionNeeded',
    apply: (world) => {
      world.user.delete(PROD_AUTH_ID);
      return failRun(world);
    },
  },
  permission: {
    what: "the function's role lost the permission to get credentials from ECR",
    runbook: 'OperatorActionNeeded',
    apply: (world) => {
      world.deny('ecr:GetAuthorizationToken');
      return failRun(world);
    },
  },
  registry: {
    what: 'Amazon ECR is down',
    runbook: 'RefreshFailing',
    apply: ({ cloud }) => {
      const isToken = { operation: 'GetAuthorizationToken' };
      const down = { status: 503, body: { __type: 'ServerException', message: 'Service Unavailable' } };
      for (const server of [cloud.aws, cloud.operatorAws]) server.faults.add(isToken, down);
      // Clients of ECR's API get layers from S3.
      cloud.registry.faults.add({ path: /\/manifests\// }, { status: 503 });
    },
  },
  'registry-denies': {
    what: "the repository's policy refuses pulls",
    runbook: 'OperatorActionNeeded',
    apply: (world) => {
      world.cloud.registry.denied.add(PROD_IMAGE[0]);
      return failRun(world);
    },
  },
  image: {
    what: 'the image that target prod proves was deleted from its repository',
    runbook: 'ImagesUnpullable',
    apply: ({ cloud }) => cloud.registry.removeImage(...PROD_IMAGE),
  },
  platform: {
    what: 'the image was pushed from a Mac: it is for arm64, and workers are amd64',
    runbook: 'ImagesUnpullable',
    apply: ({ cloud }) => {
      cloud.registry.addImage(...PROD_IMAGE, 'arm64');
    },
  },
  stack: {
    what: 'the configuration was changed and not deployed',
    apply: (world) => world.writeConfig({ refreshIntervalHours: 4 }),
  },
  function: {
    what: 'somebody deleted the function, although its stack exists',
    runbook: 'ScheduleBroken',
    apply: async ({ cloud: { functionApi }, outputs }) => {
      const name = outputs.FunctionName ?? '';
      await functionApi.functions.get(name)?.runtime.stop();
      functionApi.functions.delete(name);
    },
  },
  schedule: {
    what: 'somebody disabled the schedule',
    runbook: 'RefreshSilent',
    apply: ({ cloud, outputs }) => {
      cloud.operatorAws.observations.rules.set(outputs.RuleName ?? '', 'DISABLED');
    },
  },
  silence: {
    what: 'the function has not run for 12 hours',
    runbook: 'RefreshSilent',
    apply: (world) => {
      world.cloud.operatorAws.observations.forget(world.outputs.LogGroupName ?? '');
      ring(world, 'RefreshSilent');
    },
  },
  worker: {
    what: 'a worker cannot pull: somebody wrote an old password over the registry auth of staging',
    hint: 'do as doctor says, and wait half a minute: a new worker pulls, and the watch looks again',
    runbook: 'PullsFailing',
    apply: (world) => {
      const endpoint = world.endpoint('images-staging');
      const staging = world.user.find(endpoint.registry ?? '');
      if (staging) staging.password = 'expired';
      const [worker] = endpoint.workers?.running ?? [];
      worker?.logs?.push({ source: 'system', line: expired(endpoint.image), ts: new Date() });
      ring(world, 'PullsFailing');
    },
  },
  'not-attached': {
    what: 'an endpoint with a private image names no registry auth',
    hint: 'do as doctor says; the watch looks again within half a minute, which ends its alarm',
    runbook: 'ImagesUnpullable',
    apply: (world) => {
      world.endpoint('images').registry = null;
      ring(world, 'ImagesUnpullable');
    },
  },
  queue: {
    what: 'a run failed for six hours, and its event lies in the dead-letter queue',
    runbook: 'RetriesExhausted',
    apply: (world) => {
      world.cloud.operatorAws.observations.queues.set(world.outputs.DeadLetterQueueUrl ?? '', 1);
      ring(world, 'RetriesExhausted');
    },
  },
  topic: {
    what: 'nobody confirmed the subscription, so nobody is paged',
    runbook: 'With the AWS CLI',
    apply: ({ cloud }) => {
      for (const subscriber of [...cloud.operatorAws.topics.topics.values()].flat()) {
        subscriber.confirmed = false;
      }
    },
  },
  muted: {
    what: 'somebody muted an alarm',
    runbook: 'With the AWS CLI',
    apply: (world) => {
      world.alarm('RefreshFailing').muted = true;
    },
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

function ring(world: DemoWorld, name: AlarmName): void {
  world.alarm(name).state = 'ALARM';
}

/** The line of a worker's log about a credential that has expired. */
function expired(image: string): string {
  return `${FAILED_PULL}Error response from daemon: Head "https://${image}": denied: Your authorization token has expired. Reauthenticate and try again.`;
}
