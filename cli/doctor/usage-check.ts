/** The check of the workloads at Runpod that use the registry auths. */

import { RefresherError } from '../../lambda/core/errors';
import { formatCount } from '../format';
import type { Operator } from '../operator';
import { commandLine, deployCommand } from '../options';
import type { AskRoutes } from '../runpod/access';
import { listUses, type Use } from '../runpod/usage';
import { MAX_IMAGE_CHARACTERS, visibleName } from '../visible';
import { type Check, type Finding, fail, ok, warn } from './check';

/** Makes the check that the credentials may pull what the workloads pull. */
export function usageCheck(operator: Operator, askRoutes: AskRoutes): Check {
  return { id: 'usage', title: 'Workloads at Runpod', run: () => checkUsage(operator, askRoutes) };
}

async function checkUsage(operator: Operator, askRoutes: AskRoutes): Promise<Finding> {
  try {
    return findingOf(operator, await listUses(operator, askRoutes));
  } catch (error) {
    // The service itself does not list workloads, so a key that may not list them is not broken.
    if (error instanceof RefresherError) return warn([`the workloads cannot be listed: ${error.message}`]);
    throw error;
  }
}

function findingOf(operator: Operator, uses: readonly Use[]): Finding {
  const unlisted = uses
    .filter((use) => use.unlisted)
    .map(
      ({ kind, name, image, target }) =>
        `${kind} ${visibleName(name)} pulls ${visibleName(image, MAX_IMAGE_CHARACTERS)}, which is not in a repository of target ${target}`,
    );
  if (unlisted.length > 0 && operator.options.stack === undefined) {
    return fail(
      unlisted,
      `add the repository to ${operator.configLabel} (of another account or region: as a target with its roleArn or region), then ${deployCommand(operator.options)}`,
    );
  }
  if (uses.length === 0) {
    return warn(['no workload uses these registry auths yet: choose one in a template or an endpoint']);
  }
  const kinds = (['endpoint', 'template', 'pod'] as const).flatMap((kind) => {
    const number = uses.filter((use) => use.kind === kind).length;
    return number > 0 ? formatCount(number, kind) : [];
  });
  const summary = kinds.join(', ');
  if (unlisted.length > 0) {
    // The template does not have the names that only CloudFormation knows.
    return warn(
      [summary, ...unlisted],
      'check that the target has these repositories: the deployed stack does not name those that your app creates',
    );
  }
  const latest = uses.filter((use) => use.latest);
  if (latest.length === 0) return ok(summary);
  const warnings = latest.map(
    ({ kind, name }) => `${kind} ${visibleName(name)} uses :latest, which may mean another image tomorrow`,
  );
  return warn([summary, ...warnings], `${commandLine('usage', operator.options)} shows the digest to pin`);
}
