/**
 * Finds a refresher in a deployed stack, for `--stack`. There is no configuration file: the stack's template says which
 * settings the function has, and which resources belong to the refresher.
 */

import {
  CloudFormationClient,
  GetTemplateCommand,
  paginateListStackResources,
} from '@aws-sdk/client-cloudformation';
import { GetFunctionConfigurationCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  METADATA_KEY,
  type OtherRefresher,
  type OutputName,
  type RefresherMetadata,
} from '../../lambda/core/contract';
import type { RefresherSettings } from '../../lambda/core/model';
import { isJsonObject } from '../../lambda/core/runpod/api';
import { parseSettings } from '../../lambda/core/settings';
import type { AwsClients } from '../aws-clients';
import { CliError, errorName, nameFix, usageError } from '../errors';
import { deployCommand, type GlobalOptions } from '../options';

/** A refresher in a deployed stack. */
export interface DeployedRefresher {
  readonly settings: RefresherSettings;
  /** Names, ARNs or URLs of its resources, as the outputs of the same names would have them. */
  readonly resources: Readonly<Partial<Record<OutputName, string>>>;
  /** The refresher of another region for the same targets. @default - there is none */
  readonly other?: OtherRefresher;
}

/** The options that name a refresher. */
export interface RefresherName extends GlobalOptions {
  readonly stack: string;
}

/** What the template has for one refresher. */
interface Declared {
  /** Logical id of the function. */
  readonly functionId: string;
  readonly metadata: RefresherMetadata;
}

/**
 * Finds the refresher that the options name.
 *
 * @param deploy - the command that deploys it
 * @throws CliError when there is no such stack, when it has no refresher or several, or when the function was deleted
 * @throws the AWS client's error
 */
export async function findRefresher(
  clients: AwsClients,
  options: RefresherName,
  deploy = deployCommand(options),
): Promise<DeployedRefresher> {
  const declared = declaredIn(await templateOf(clients, options, deploy));
  if (declared.length === 0) {
    throw new CliError(
      `The stack ${options.stack} has no refresher that can be found without its configuration.`,
      {
        fix: 'Deploy it again with this version of runpod-ecr-credential-refresher, or name its configuration file with --config.',
      },
    );
  }
  const physicalIds = await listPhysicalIds(clients, options.stack);
  const found = await Promise.all(declared.map((one) => resolve(clients, options, one, physicalIds)));
  return chosen(options, found);
}

function chosen(options: RefresherName, found: readonly DeployedRefresher[]): DeployedRefresher {
  const { stack, refresher } = options;
  const names = found.map(({ settings }) => settings.service);
  const [first, ...others] = found;
  if (refresher === undefined && first && others.length === 0) return first;
  if (refresher === undefined) {
    throw usageError(
      `The stack ${stack} has ${found.length} refreshers: ${names.join(', ')}.`,
      `Name one of them with --refresher, such as --stack ${stack} --refresher ${names[0]}.`,
    );
  }
  const named = found.find(({ settings }) => settings.service === refresher);
  if (named) return named;
  throw usageError(`The stack ${stack} has no refresher ${refresher}.`, nameFix(refresher, names));
}

async function templateOf(clients: AwsClients, options: RefresherName, deploy: string): Promise<unknown> {
  const cloudFormation = clients.get(CloudFormationClient);
  try {
    const { TemplateBody } = await cloudFormation.send(
      new GetTemplateCommand({ StackName: options.stack, TemplateStage: 'Original' }),
    );
    return jsonOf(TemplateBody ?? '');
  } catch (error) {
    // CloudFormation has no error code for a missing stack.
    if (errorName(error) !== 'ValidationError') throw error;
    throw new CliError(`There is no stack ${options.stack} in ${await cloudFormation.config.region()}.`, {
      fix: `Name its region with --region, or deploy it: ${deploy}`,
      cause: error,
    });
  }
}

/** A template that is not JSON was not made by the CDK, so it has no refresher. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function declaredIn(template: unknown): Declared[] {
  const resources = isJsonObject(template) && isJsonObject(template.Resources) ? template.Resources : {};
  return Object.entries(resources).flatMap(([functionId, resource]) => {
    const metadata =
      isJsonObject(resource) && isJsonObject(resource.Metadata) ? resource.Metadata[METADATA_KEY] : {};
    return isRefresherMetadata(metadata) ? [{ functionId, metadata }] : [];
  });
}

function isRefresherMetadata(value: unknown): value is RefresherMetadata {
  return isJsonObject(value) && isJsonObject(value.settings) && isJsonObject(value.resources);
}

async function listPhysicalIds(clients: AwsClients, stack: string): Promise<ReadonlyMap<string, string>> {
  const ids = new Map<string, string>();
  const pages = paginateListStackResources(
    { client: clients.get(CloudFormationClient) },
    { StackName: stack },
  );
  for await (const { StackResourceSummaries } of pages) {
    for (const { LogicalResourceId, PhysicalResourceId } of StackResourceSummaries ?? []) {
      if (LogicalResourceId && PhysicalResourceId) ids.set(LogicalResourceId, PhysicalResourceId);
    }
  }
  return ids;
}

async function resolve(
  clients: AwsClients,
  options: RefresherName,
  { functionId, metadata }: Declared,
  physicalIds: ReadonlyMap<string, string>,
): Promise<DeployedRefresher> {
  const resources = Object.entries({ ...metadata.resources, FunctionName: functionId }).flatMap(
    ([name, id]) => {
      const physicalId = physicalIds.get(String(id));
      return physicalId === undefined ? [] : [[name, physicalId] as const];
    },
  );
  const text = JSON.stringify(metadata.settings);
  const environment = text.includes('"env":')
    ? await environmentOf(clients, options, physicalIds.get(functionId) ?? functionId)
    : {};
  return {
    settings: parseSettings(text, environment),
    resources: Object.fromEntries(resources),
    ...(metadata.other && { other: metadata.other }),
  };
}

/** Reads the texts that CloudFormation knew only at deployment, such as the ARN of a secret in the same stack. */
async function environmentOf(
  clients: AwsClients,
  options: RefresherName,
  functionName: string,
): Promise<Readonly<Record<string, string>>> {
  try {
    const { Environment } = await clients
      .get(LambdaClient)
      .send(new GetFunctionConfigurationCommand({ FunctionName: functionName }));
    return Environment?.Variables ?? {};
  } catch (error) {
    if (errorName(error) !== 'ResourceNotFoundException') throw error;
    throw new CliError(`The function ${functionName} was deleted, although its stack exists.`, {
      fix: recreateFunction(options),
      cause: error,
    });
  }
}

/** Says how to get a deleted function back: CloudFormation does not look whether it is still there. */
export function recreateFunction(options: GlobalOptions): string {
  const deploy = deployCommand(options);
  return `Take the refresher out of your CDK app and deploy (${deploy}), then put it back and deploy again.`;
}
