import type { RefresherSettings, Target } from '../../../lambda/core/model';

/** A workload that the simulated watch looks at. */
export interface SimulatedWorkload {
  readonly kind: 'endpoint' | 'pod';
  readonly id: string;
  /** Name of the secret with the key of its Runpod account. */
  readonly keySecret: string;
  /** AWS account of the registry that has its image. */
  readonly registryAccount: string;
  readonly repository: string;
  /** Id of the registry auth that it should name. */
  readonly authId: string;
}

const AWS_ACCOUNT = '123456789012';
const OTHER_AWS_ACCOUNT = '210987654321';

/** A target with a Runpod account and a registry of its own, so that each can be in trouble alone. */
const OTHER: Target = {
  name: 'other',
  registryAuthId: 'auth_other',
  runpodApiKeySecretName: 'runpod/other-key',
  registry: { type: 'ecr', registryId: OTHER_AWS_ACCOUNT, repositories: ['team/other-worker'] },
  verify: 'required',
};

/** Returns the settings of a watch that looks at the targets of these settings and at one of another account. */
export function watchSettings(settings: RefresherSettings, intervalMs: number): RefresherSettings {
  const pullWatch = { ignore: [], intervalMinutes: intervalMs / 60_000 };
  return { ...settings, targets: [...settings.targets, OTHER], pullWatch };
}

/** Returns the AWS account of a target's registry. */
export function registryAccountOf({ registry }: Target): string {
  return (registry.type === 'ecr' ? registry.registryId : undefined) ?? AWS_ACCOUNT;
}

/** Returns the host of the registry of an AWS account. */
export function registryHost(account: string): string {
  return `${account}.dkr.ecr.us-east-1.amazonaws.com`;
}

/** Returns the id of a target's registry auth at Runpod. */
export function authIdOf({ registryAuthId, name }: Target): string {
  return registryAuthId ?? `auth_${name}`;
}

/** Makes the workloads of these targets: an endpoint for each, and a pod for each Runpod account. */
export function workloadsOf(
  targets: readonly Target[],
): readonly [SimulatedWorkload, ...SimulatedWorkload[]] {
  const firstOfAccount = targets.filter(
    ({ runpodApiKeySecretName }, index) =>
      targets.findIndex((other) => other.runpodApiKeySecretName === runpodApiKeySecretName) === index,
  );
  const [first, ...rest] = [
    ...targets.map((target) => workloadOf('endpoint', target)),
    ...firstOfAccount.map((target) => workloadOf('pod', target)),
  ];
  if (!first) throw new Error('the watch needs a target');
  return [first, ...rest];
}

function workloadOf(kind: SimulatedWorkload['kind'], target: Target): SimulatedWorkload {
  const repositories = target.registry.type === 'ecr' ? target.registry.repositories : [];
  return {
    kind,
    id: `${kind}-${target.name}`,
    keySecret: target.runpodApiKeySecretName,
    registryAccount: registryAccountOf(target),
    repository: repositories.at(-1) ?? 'worker',
    authId: authIdOf(target),
  };
}
