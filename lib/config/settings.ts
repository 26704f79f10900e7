/** From the configuration to what the function is told. */

import type { RefresherSettings, Target } from '../../lambda/core/model';
import { imageWithin, toRegistry } from './registries';
import type { RefresherConfig } from './schema';

/**
 * Settles every default per target. A registry's region stays absent where it is the stack's: the function takes
 * its own region then.
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
  return { service, targets, runpod };
}
