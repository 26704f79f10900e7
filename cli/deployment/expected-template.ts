/** The template that this configuration and this code would deploy, to compare it with the deployed one. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { isJsonObject, type JsonObject } from '../../lambda/core/runpod/api';
import { synthesise } from '../../lib/synthesise';
import type { Operator } from '../operator';

/** Where the stack would be deployed. */
export interface StackPlace {
  /** @default - not known: the template is then for any account */
  readonly account?: string;
  readonly region: string;
}

/** The templates of a configuration. */
export interface ExpectedTemplates {
  readonly template: unknown;
  /** @default - the configuration has no standby */
  readonly standbyTemplate?: unknown;
}

/**
 * Returns the templates that `npx cdk deploy` would deploy, with the feature flags of the user's own CDK app.
 *
 * @param place - undefined where it is not known; the template is then for any account and region
 *
 * @throws ConfigError when the stack cannot hold the configuration
 */
export function expectedTemplates(operator: Operator, place: StackPlace | undefined): ExpectedTemplates {
  const outdir = mkdtempSync(join(tmpdir(), 'runpod-ecr-'));
  try {
    const context = contextBeside(operator.configPath);
    const { template, standbyTemplate } = synthesise(
      operator.config(),
      outdir,
      place && { ...place },
      context,
    );
    return { template, standbyTemplate };
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

/**
 * Returns the context in the `cdk.json` beside a configuration file: a stack depends on the feature flags with which it
 * was synthesised.
 *
 * @returns undefined when there is no such file; then the flags of this project count
 */
function contextBeside(configPath: string): JsonObject | undefined {
  try {
    const settings: unknown = JSON.parse(readFileSync(join(dirname(configPath), 'cdk.json'), 'utf8'));
    return isJsonObject(settings) && isJsonObject(settings.context) ? settings.context : {};
  } catch {
    return undefined;
  }
}

/** Returns the logical ids of the resources that differ, sorted. The CDK's own metadata is not compared. */
export function differingResources(expected: unknown, deployed: unknown): string[] {
  const [wanted, there] = [resourcesOf(expected), resourcesOf(deployed)];
  const ids = new Set([...Object.keys(wanted), ...Object.keys(there)]);
  return [...ids].filter((id) => !isDeepStrictEqual(wanted[id], there[id])).sort();
}

function resourcesOf(template: unknown): JsonObject {
  const resources = isJsonObject(template) ? template.Resources : undefined;
  const entries = Object.entries(isJsonObject(resources) ? resources : {});
  const own = entries.filter(([, resource]) => typeOf(resource) !== 'AWS::CDK::Metadata');
  return Object.fromEntries(own.map(([id, resource]) => [id, withoutMetadata(resource)]));
}

function typeOf(resource: unknown): unknown {
  return isJsonObject(resource) ? resource.Type : undefined;
}

function withoutMetadata(resource: unknown): unknown {
  if (!isJsonObject(resource)) return resource;
  const { Metadata: _, ...rest } = resource;
  return rest;
}
