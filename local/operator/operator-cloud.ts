import { dirname, join } from 'node:path';
import { METADATA_KEY, type RefresherMetadata } from '../../lambda/core/contract';
import type { CloudFormationTemplate, Synthesised } from '../../lib/synthesise';
import { LOCAL_ACCOUNT } from '../aws/protocol';
import { type EmbeddedCloud, type EmbeddedCloudOptions, LOCAL_REGION, startEmbeddedCloud } from '../cloud';
import { LambdaRuntime } from '../lambda-runtime';
import { FunctionApi, functionArn, type InvocableFunction } from './function-api';
import { ImagesStandIn } from './images';
import type { Observations } from './observations';
import { OperatorAws } from './operator-aws';

/** The account and region that the command line uses. */
export const OPERATOR_PLACE = { account: LOCAL_ACCOUNT, region: LOCAL_REGION };

/** The embedded cloud with what an operator needs in addition: deployed stacks, logs, alarms, queues. */
export interface OperatorCloud extends EmbeddedCloud {
  readonly operatorAws: OperatorAws;
  readonly functionApi: FunctionApi;
  /** Returns the environment variables with which the command line uses this cloud. */
  operatorEnvironment(): Record<string, string>;
  /**
   * Deploys a synthesised stack, without its first refresh. A second deployment under the same name replaces it.
   *
   * @param region - @default - that of `OPERATOR_PLACE`
   * @returns the stack's outputs
   */
  deploy(
    stackName: string,
    synthesised: Synthesised,
    region?: string,
  ): Promise<Readonly<Record<string, string>>>;
}

/** Starts an embedded cloud with the APIs that the command line uses. */
export async function startOperatorCloud(options?: EmbeddedCloudOptions): Promise<OperatorCloud> {
  const cloud = await startEmbeddedCloud(options);
  cloud.runpod.rollouts.enabled = true;
  const images = new ImagesStandIn({
    manifests: () => cloud.registry.manifests,
    downloadUrl: (repository, digest) => cloud.registry.signedBlobUrl(repository, digest),
  });
  const operatorAws = new OperatorAws(images, cloud.aws.ecr);
  const functionApi = new FunctionApi();
  await Promise.all([operatorAws.listen(), functionApi.listen()]);
  return {
    ...cloud,
    operatorAws,
    functionApi,
    operatorEnvironment: () => ({
      ...cloud.environment(),
      AWS_ACCESS_KEY_ID: 'AKIAOPERATOR',
      AWS_SECRET_ACCESS_KEY: 'embedded-cloud',
      AWS_ENDPOINT_URL: operatorAws.url,
      AWS_ENDPOINT_URL_LAMBDA: functionApi.url,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: cloud.aws.url,
      AWS_ENDPOINT_URL_STS: cloud.aws.url,
    }),
    deploy: (stackName, synthesised, region = LOCAL_REGION) =>
      deploy({ cloud, operatorAws, functionApi, region }, stackName, synthesised),
    close: async () => {
      await Promise.all([operatorAws.close(), functionApi.close(), cloud.close()]);
    },
  };
}

interface Parts {
  readonly cloud: EmbeddedCloud;
  readonly operatorAws: OperatorAws;
  readonly functionApi: FunctionApi;
  readonly region: string;
}

async function deploy(
  { cloud, operatorAws, functionApi, region }: Parts,
  name: string,
  synthesised: Synthesised,
): Promise<Readonly<Record<string, string>>> {
  const { topics } = operatorAws;
  const { observations, stacks } = operatorAws.inRegion(region);
  const { template } = synthesised;
  const propertiesOf = (id: string) => template.Resources[id]?.Properties ?? {};
  const nameOf = (id: string) => `${name}-${id}`;
  const idsOf = (type: string) =>
    Object.keys(template.Resources).filter((id) => template.Resources[id]?.Type === type);
  const queueUrl = (id: string) => `${operatorAws.url}/${LOCAL_ACCOUNT}/${nameOf(id)}`;
  const topicArn = (topic: unknown) =>
    isReference(topic) ? `arn:aws:sns:${region}:${LOCAL_ACCOUNT}:${nameOf(topic.Ref)}` : String(topic);
  const physicalId = (id: string) => {
    const type = template.Resources[id]?.Type;
    if (type === 'AWS::SNS::Topic') return topicArn({ Ref: id });
    return type === 'AWS::SQS::Queue' ? queueUrl(id) : nameOf(id);
  };
  const outputs = outputsOf(template, physicalId);
  // A later deployment leaves the messages where they are.
  for (const url of idsOf('AWS::SQS::Queue').map(queueUrl)) {
    observations.queues.set(url, observations.queues.get(url) ?? 0);
  }
  for (const id of idsOf('AWS::Events::Rule')) {
    addRule(observations, nameOf(id), { properties: propertiesOf(id), nameOf });
  }
  for (const id of idsOf('AWS::CloudWatch::Alarm')) {
    const { AlarmName, AlarmActions } = propertiesOf(id);
    const topicArns = Array.isArray(AlarmActions) ? AlarmActions.map(topicArn) : [];
    observations.alarms.set(String(AlarmName), { state: 'OK', muted: false, topicArns });
  }
  for (const id of idsOf('AWS::SNS::Topic')) topics.create(topicArn({ Ref: id }));
  for (const id of idsOf('AWS::SNS::TopicPolicy')) {
    const { PolicyDocument, Topics } = propertiesOf(id);
    const policy = JSON.stringify(resolved(PolicyDocument, topicArn));
    for (const topic of Array.isArray(Topics) ? Topics : [])
      topics.attributes.set(topicArn(topic), { policy });
  }
  for (const id of idsOf('AWS::SNS::Subscription')) {
    const { TopicArn, Protocol, Endpoint } = propertiesOf(id);
    topics.subscribe(topicArn(TopicArn), String(Protocol), String(Endpoint));
  }
  await deployFunctions({ cloud, operatorAws, functionApi, region }, nameOf, synthesised);
  stacks.stacks.set(name, {
    name,
    template,
    outputs,
    physicalIds: new Map(Object.keys(template.Resources).map((id) => [id, physicalId(id)])),
    deployedAt: cloud.clock.now(),
    status: 'CREATE_COMPLETE',
  });
  return outputs;
}

/** A rule of a template. */
interface RuleOfTemplate {
  readonly properties: Readonly<Record<string, unknown>>;
  /** Returns the name of a resource by its logical id. */
  readonly nameOf: (id: string) => string;
}

function addRule(observations: Observations, name: string, { nameOf, properties }: RuleOfTemplate): void {
  const { ScheduleExpression } = properties;
  observations.rules.set(name, 'ENABLED');
  if (typeof ScheduleExpression === 'string') observations.schedules.set(name, ScheduleExpression);
  observations.ruleTargets.set(
    name,
    targetIdsOf(properties).map((target) => functionArn(nameOf(target))),
  );
}

async function deployFunctions(
  { cloud, operatorAws, functionApi, region }: Parts,
  nameOf: (id: string) => string,
  synthesised: Synthesised,
): Promise<void> {
  const { template } = synthesised;
  const { observations } = operatorAws.inRegion(region);
  for (const { functionId, logGroupId, isWatch } of functionsIn(template)) {
    const LogGroupName = nameOf(logGroupId);
    const FunctionName = nameOf(functionId);
    const { Environment, LoggingConfig, Code } = template.Resources[functionId]?.Properties ?? {};
    const environment = variablesOf(resolved(Environment, ({ Ref }) => nameOf(Ref)));
    observations.log(LogGroupName, cloud.clock.now(), '{"message":"INIT_START"}');
    cloud.aws.logs.put(LogGroupName, cloud.clock.now(), []);
    await functionApi.functions.get(FunctionName)?.runtime.stop();
    functionApi.functions.set(FunctionName, {
      runtime: new LambdaRuntime({
        assetDirectory: assetBeside(synthesised.assetDirectory, Code),
        environment: {
          ...environment,
          ...cloud.environment(),
          AWS_REGION: region,
          AWS_LAMBDA_LOG_GROUP_NAME: LogGroupName,
        },
        clock: cloud.clock,
      }),
      environment,
      logging: loggingOf(LoggingConfig),
      onInvoked: ({ output, metrics }) => {
        if (metrics.RunSucceeded === 1) observations.resolveAlarms();
        const lines = output.split('\n');
        for (const line of lines) observations.log(LogGroupName, cloud.clock.now(), line);
        // The watch reads its own log. No other function does.
        if (isWatch) cloud.aws.logs.put(LogGroupName, cloud.clock.now(), lines);
      },
    });
  }
}

const PSEUDO_PARAMETERS: Readonly<Record<string, string>> = {
  'AWS::AccountId': LOCAL_ACCOUNT,
  'AWS::Partition': 'aws',
  'AWS::Region': LOCAL_REGION,
};

/** Returns a part of a template with its `Ref`, `Fn::Join` and `Fn::If` replaced. No condition is true here. */
function resolved(value: unknown, arnOf: (reference: { readonly Ref: string }) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => resolved(item, arnOf));
  if (typeof value !== 'object' || value === null) return value;
  if (isReference(value)) return PSEUDO_PARAMETERS[value.Ref] ?? arnOf(value);
  if ('Fn::Join' in value && Array.isArray(value['Fn::Join'])) {
    const [separator, parts] = value['Fn::Join'];
    return (resolved(parts, arnOf) as unknown[]).join(String(separator));
  }
  if ('Fn::If' in value && Array.isArray(value['Fn::If'])) return resolved(value['Fn::If'][2], arnOf);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolved(item, arnOf)]));
}

/** Returns the texts among a function's environment variables. */
function variablesOf(environment: unknown): Record<string, string> {
  const { Variables = {} } = (environment ?? {}) as { Variables?: Record<string, unknown> };
  return Object.fromEntries(
    Object.entries(Variables).flatMap(([key, value]) => (typeof value === 'string' ? [[key, value]] : [])),
  );
}

/** A function of a template that runs here. */
interface DeployedFunction {
  readonly functionId: string;
  readonly logGroupId: string;
  readonly isWatch: boolean;
}

/** Returns the functions of the refreshers of a template: by their metadata, or those of the only one by the outputs. */
function functionsIn({ Resources, Outputs = {} }: CloudFormationTemplate): DeployedFunction[] {
  const byMetadata = Object.entries(Resources).flatMap(([functionId, { Metadata }]) => {
    const metadata = Metadata?.[METADATA_KEY] as RefresherMetadata | undefined;
    return metadata ? functionsOf({ ...metadata.resources, FunctionName: functionId }) : [];
  });
  if (byMetadata.length > 0) return byMetadata;
  const references = Object.entries(Outputs).flatMap(([name, { Value }]) =>
    isReference(Value) ? [[name, Value.Ref] as const] : [],
  );
  return functionsOf(Object.fromEntries(references));
}

function functionsOf(ids: RefresherMetadata['resources']): DeployedFunction[] {
  const { FunctionName, LogGroupName, WatchFunctionName, WatchLogGroupName } = ids;
  const pairs = [
    { functionId: FunctionName, logGroupId: LogGroupName, isWatch: false },
    { functionId: WatchFunctionName, logGroupId: WatchLogGroupName, isWatch: true },
  ];
  return pairs.flatMap(({ functionId, logGroupId, isWatch }) =>
    functionId !== undefined && logGroupId !== undefined ? [{ functionId, logGroupId, isWatch }] : [],
  );
}

/** Returns the directory of a function's asset in the same cloud assembly. */
function assetBeside(assetDirectory: string, code: unknown): string {
  const { S3Key } = code as { S3Key: string };
  return join(dirname(assetDirectory), `asset.${S3Key.replace(/\.zip$/, '')}`);
}

/** Returns the logical ids of the functions that a rule invokes. */
function targetIdsOf({ Targets }: Readonly<Record<string, unknown>>): string[] {
  const targets = Array.isArray(Targets) ? (Targets as { Arn?: unknown }[]) : [];
  return targets.flatMap(({ Arn }) => {
    const attribute =
      typeof Arn === 'object' && Arn !== null && 'Fn::GetAtt' in Arn ? Arn['Fn::GetAtt'] : undefined;
    return Array.isArray(attribute) ? [String(attribute[0])] : [];
  });
}

/** Returns a function's `LoggingConfig` with Lambda's defaults. */
function loggingOf(given: unknown): NonNullable<InvocableFunction['logging']> {
  const config = { ApplicationLogLevel: 'INFO', ...(typeof given === 'object' && given) };
  return 'LogFormat' in config && config.LogFormat === 'JSON'
    ? { LogFormat: 'JSON', ApplicationLogLevel: config.ApplicationLogLevel }
    : { LogFormat: 'Text' };
}

/** Returns the outputs, resolved. */
function outputsOf(
  template: CloudFormationTemplate,
  resolve: (id: string) => string,
): Record<string, string> {
  const outputs = Object.entries(template.Outputs ?? {}).map(([key, { Value }]) => [
    key,
    String(resolved(Value, ({ Ref }) => resolve(Ref))),
  ]);
  return Object.fromEntries(outputs);
}

function isReference(value: unknown): value is { readonly Ref: string } {
  return typeof value === 'object' && value !== null && 'Ref' in value;
}
