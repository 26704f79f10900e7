/** The checks of this computer. They need neither AWS nor Runpod. */

import { engines } from '../../package.json';
import type { ExpectedTemplates, StackPlace } from '../deployment/expected-template';
import { isMissingCdk, MISSING_CDK } from '../errors';
import { formatCount } from '../format';
import type { Operator } from '../operator';
import { type Check, type Finding, fail, ok } from './check';

/** The template that the configuration would deploy. It is synthesised once. */
export type ExpectedTemplate = () => Promise<unknown>;

/** Node.js 20 works, but it has no more security updates since April 2026 (nodejs.org, "Node.js Releases"). */
const OLDEST_SUPPORTED_NODE = 22;

/** Makes the check of the Node.js that runs this command. */
export function nodeCheck(version = process.versions.node): Check {
  return { id: 'node', withoutTargets: true, title: 'Node.js', run: async () => checkNode(version) };
}

function checkNode(version: string): Finding {
  const minimum = engines.node.replace('>=', '');
  if (isOlder(version, minimum)) {
    return fail([`this is version ${version}; at least ${minimum} is needed`], 'install Node.js 24');
  }
  const isEnded = Number(version.split('.')[0]) < OLDEST_SUPPORTED_NODE;
  return ok(isEnded ? `${version}, which works and is at its end of life: 22 and 24 are supported` : version);
}

function isOlder(version: string, minimum: string): boolean {
  return version.localeCompare(minimum, 'en', { numeric: true }) < 0;
}

/** Read the templates of the configuration, for the operator's account and region if known. They are synthesised once. */
export interface TemplateReaders {
  readonly template: ExpectedTemplate;
  /** The template of the standby; undefined without one. */
  readonly standbyTemplate: ExpectedTemplate;
}

/** Returns the functions that synthesise the templates of the configuration. */
export function templateReaders(operator: Operator): TemplateReaders {
  let templates: Promise<ExpectedTemplates> | undefined;
  const read = async () => {
    const { expectedTemplates } = await import('../deployment/expected-template');
    return expectedTemplates(operator, await placeOf(operator));
  };
  const readOnce = () => {
    templates ??= read();
    return templates;
  };
  return {
    template: async () => (await readOnce()).template,
    standbyTemplate: async () => (await readOnce()).standbyTemplate,
  };
}

/**
 * Returns where the stack is or will be. Without credentials the template is the same for every account and region.
 * The template of a standby still needs the first region.
 */
async function placeOf(operator: Operator): Promise<StackPlace | undefined> {
  const other = await operator.other().catch(() => undefined);
  try {
    const region = await operator.region();
    // The first region may be down.
    const identities = [operator, ...(other ? [other] : [])].map((one) => one.identity());
    const identity = await Promise.any(identities).catch((error: unknown) => {
      if (other) return undefined;
      throw error;
    });
    return { region, ...(identity && { account: identity.account }) };
  } catch {
    return undefined;
  }
}

/** Makes the check that the stack of the configuration can be synthesised. */
export function templateCheck(expectedTemplate: ExpectedTemplate): Check {
  return {
    id: 'template',
    withoutTargets: true,
    title: 'Expected template',
    needs: ['configuration'],
    // With an identity, the same template is compared with the deployed one.
    after: ['identity'],
    run: () => checkTemplate(expectedTemplate),
  };
}

async function checkTemplate(expectedTemplate: ExpectedTemplate): Promise<Finding> {
  try {
    const template = (await expectedTemplate()) as { readonly Resources?: object };
    return ok(`${formatCount(Object.keys(template.Resources ?? {}).length, 'resource')} synthesised`);
  } catch (error) {
    if (isMissingCdk(error)) {
      const { problem, fix = '' } = MISSING_CDK;
      return fail([problem], fix);
    }
    throw error;
  }
}
