import { PAGE_BUDGET_MINUTES, type RefresherSettings, type Target } from '../../lambda/core/model';
import { imageWithin, toRegistry } from './registries';
import type { RefresherConfig } from './schema';

/**
 * Returns the function's settings for a configuration, with every default written out for each target.
 *
 * Only a registry's region stays absent when it is the stack's: the function then uses its own region.
 */
export function toSettings(config: RefresherConfig): RefresherSettings {
  const { stackName: service, runpodApiKeySecretName } = config;
  const { delegationPrincipalArns: _, ...runpod } = config.runpod;
  const targets = config.targets.map(
    ({ registry, verifyImage, ...target }): Target => ({
      runpodApiKeySecretName,
      ...target,
      registry: toRegistry(registry),
      ...(verifyImage !== undefined && { verifyImage: imageWithin(registry.type, verifyImage) }),
    }),
  );
  const minCredentialMinutes = config.refreshIntervalHours * 60 + PAGE_BUDGET_MINUTES;
  return { service, targets, runpod, minCredentialMinutes };
}
