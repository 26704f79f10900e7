/** The last link: who pulls with the registry auths. */

import { RefresherError } from '../../lambda/core/errors';
import type { Operator } from '../operator';
import { commandLine, deployCommand } from '../options';
import { type Use, usesOf, type WrittenAuth } from '../usage';
import type { AskRoutes } from './account-links';
import { breaks, type Finding, holds, type Link, warns } from './chain';

/** Who uses the auths, and whether what they pull is what the credential may pull. */
export function usageLink(operator: Operator, askRoutes: AskRoutes): Link {
  return { id: 'usage', title: 'Users at Runpod', check: () => checkUsage(operator, askRoutes) };
}

async function checkUsage(operator: Operator, askRoutes: AskRoutes): Promise<Finding> {
  try {
    return describeUses(operator, await usesOf(operator, await writtenAuths(operator, askRoutes)));
  } catch (error) {
    // Reading templates, endpoints and pods is more than the service itself needs.
    if (error instanceof RefresherError)
      return warns([`who uses the auths cannot be told: ${error.message}`]);
    throw error;
  }
}

/** The auth of each target that exists at Runpod. */
export async function writtenAuths(operator: Operator, askRoutes: AskRoutes): Promise<WrittenAuth[]> {
  const auths: WrittenAuth[] = [];
  for (const target of operator.settings().targets) {
    const routes = await askRoutes(target.runpodApiKeySecretName);
    const all = routes.find(({ state }) => state === 'works')?.auths ?? [];
    const auth = all.find(({ id, name }) => id === target.registryAuthId || name === target.registryAuthName);
    if (auth) auths.push({ target, registryAuthId: auth.id });
  }
  return auths;
}

function describeUses(operator: Operator, uses: readonly Use[]): Finding {
  const unlisted = uses.filter((use) => use.unlisted);
  if (unlisted.length > 0) {
    return breaks(
      unlisted.map(
        (use) => `${nameOfUse(use)} pulls ${use.image}, which is not among the repositories of ${use.target}`,
      ),
      `add the repository to ${operator.configLabel}, then ${deployCommand(operator.options)}`,
    );
  }
  if (uses.length === 0) {
    return warns(['nothing at Runpod pulls with these auths yet: choose one in a template or an endpoint']);
  }
  const kinds = (['endpoint', 'template', 'pod'] as const).flatMap((kind) => {
    const number = uses.filter((use) => use.kind === kind).length;
    return number > 0 ? [`${number} ${kind}${number === 1 ? '' : 's'}`] : [];
  });
  const story = `${kinds.join(', ')}`;
  const latest = uses.filter((use) => use.latest);
  if (latest.length === 0) return holds(story);
  return warns(
    [story, ...latest.map((use) => `${nameOfUse(use)} uses :latest, which can mean another image tomorrow`)],
    `${commandLine('usage', operator.options)} shows the digest to pin`,
  );
}

function nameOfUse({ kind, name }: Use): string {
  return `${kind} ${name}`;
}
