import { type Entry, entry, list, type Path } from './json-values';

/** A value in a configuration. */
export interface Place {
  readonly path: Path;
  readonly value: unknown;
}

/** Returns where a configuration names a region. */
export function placesOfRegions({ targets, delegations, standby }: Entry): Place[] {
  return [
    { path: ['standby', 'region'], value: entry(standby).region },
    ...list(targets).map((target, index) => ({
      path: ['targets', index, 'registry', 'region'],
      value: entry(entry(target).registry).region,
    })),
    ...list(delegations).map((delegation, index) => ({
      path: ['delegations', index, 'region'],
      value: entry(delegation).region,
    })),
  ];
}

/** Returns where a configuration names a topic by its ARN, or a secret by its name or ARN. */
export function placesOfArns({ alarms, runpodApiKeySecretName, targets, delegations }: Entry): Place[] {
  return [
    ...(['topicArns', 'warningTopicArns'] as const).flatMap((key) =>
      list(entry(alarms)[key]).map((value, index) => ({ path: ['alarms', key, index], value })),
    ),
    { path: ['runpodApiKeySecretName'], value: runpodApiKeySecretName },
    ...list(targets).flatMap((target, index) => [
      { path: ['targets', index, 'runpodApiKeySecretName'], value: entry(target).runpodApiKeySecretName },
      {
        path: ['targets', index, 'registry', 'credentialSecretName'],
        value: entry(entry(target).registry).credentialSecretName,
      },
    ]),
    ...list(delegations).map((delegation, index) => ({
      path: ['delegations', index, 'runpodApiKeySecretName'],
      value: entry(delegation).runpodApiKeySecretName,
    })),
  ];
}
