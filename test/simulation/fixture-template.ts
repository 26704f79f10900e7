import type { CloudFormationTemplate } from './template-values';

type Json = Readonly<Record<string, unknown>>;

/** Changes to the fixture: properties by logical id. Undefined removes the resource. */
export type FixtureChanges = Readonly<Record<string, Json | undefined>>;

const fn = { Ref: 'Function' };
const pages = [{ Ref: 'PageTopic' }];

function alarm(namespace: string, name: string, dimension: Json, rule: Json): Json {
  return {
    Type: 'AWS::CloudWatch::Alarm',
    Properties: {
      Namespace: namespace,
      MetricName: name,
      Dimensions: [dimension],
      Statistic: 'Sum',
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      Threshold: 1,
      AlarmActions: pages,
      OKActions: pages,
      ...rule,
    },
  };
}

const own = (name: string, rule: Json) =>
  alarm('RunpodEcrRefresher', name, { Name: 'service', Value: 'Refresher' }, rule);

const RESOURCES: Readonly<Record<string, Json>> = {
  Function: { Type: 'AWS::Lambda::Function', Properties: { Timeout: 300 } },
  InvokeConfig: {
    Type: 'AWS::Lambda::EventInvokeConfig',
    Properties: {
      FunctionName: fn,
      Qualifier: '$LATEST',
      MaximumRetryAttempts: 2,
      MaximumEventAgeInSeconds: 3600,
      DestinationConfig: { OnFailure: { Destination: { 'Fn::GetAtt': ['RetryQueue', 'Arn'] } } },
    },
  },
  RetryQueue: {
    Type: 'AWS::SQS::Queue',
    Properties: {
      DelaySeconds: 420,
      VisibilityTimeout: 900,
      RedrivePolicy: {
        deadLetterTargetArn: { 'Fn::GetAtt': ['DeadLetterQueue', 'Arn'] },
        maxReceiveCount: 24,
      },
    },
  },
  DeadLetterQueue: { Type: 'AWS::SQS::Queue', Properties: { MessageRetentionPeriod: 1209600 } },
  ScheduleDeadLetterQueue: { Type: 'AWS::SQS::Queue', Properties: { MessageRetentionPeriod: 1209600 } },
  Mapping: {
    Type: 'AWS::Lambda::EventSourceMapping',
    Properties: {
      FunctionName: fn,
      EventSourceArn: { 'Fn::GetAtt': ['RetryQueue', 'Arn'] },
      BatchSize: 1,
    },
  },
  Rule: {
    Type: 'AWS::Events::Rule',
    Properties: {
      ScheduleExpression: 'rate(6 hours)',
      State: 'ENABLED',
      Targets: [
        {
          Id: 'Target0',
          Arn: { 'Fn::GetAtt': ['Function', 'Arn'] },
          RetryPolicy: { MaximumRetryAttempts: 2, MaximumEventAgeInSeconds: 3600 },
          DeadLetterConfig: { Arn: { 'Fn::GetAtt': ['ScheduleDeadLetterQueue', 'Arn'] } },
        },
      ],
    },
  },
  PageTopic: { Type: 'AWS::SNS::Topic' },
  WarningTopic: { Type: 'AWS::SNS::Topic' },
  RefreshSilent: own('RunSucceeded', {
    ComparisonOperator: 'LessThanThreshold',
    Period: 300,
    EvaluationPeriods: 84,
    TreatMissingData: 'breaching',
  }),
  RefreshFailing: own('TargetsFailed', {
    Statistic: 'Minimum',
    Period: 1200,
    EvaluationPeriods: 5,
    TreatMissingData: 'notBreaching',
  }),
  OperatorActionNeeded: own('OperatorActionNeeded', {
    Period: 60,
    EvaluationPeriods: 5,
    DatapointsToAlarm: 1,
    TreatMissingData: 'ignore',
  }),
  RetriesExhausted: alarm(
    'AWS/SQS',
    'ApproximateNumberOfMessagesVisible',
    { Name: 'QueueName', Value: { 'Fn::GetAtt': ['DeadLetterQueue', 'QueueName'] } },
    { Statistic: 'Maximum', Period: 300, EvaluationPeriods: 1, TreatMissingData: 'notBreaching' },
  ),
  ScheduleBroken: alarm(
    'AWS/Events',
    'FailedInvocations',
    { Name: 'RuleName', Value: { Ref: 'Rule' } },
    { Period: 300, EvaluationPeriods: 84, DatapointsToAlarm: 1, TreatMissingData: 'notBreaching' },
  ),
  RunningSlow: alarm(
    'AWS/Lambda',
    'Duration',
    { Name: 'FunctionName', Value: fn },
    {
      Statistic: 'Maximum',
      Threshold: 240_000,
      ComparisonOperator: 'GreaterThanThreshold',
      Period: 900,
      EvaluationPeriods: 1,
      TreatMissingData: 'notBreaching',
      AlarmActions: [{ Ref: 'WarningTopic' }],
      OKActions: undefined,
    },
  ),
};

/** Returns a template like the real one, with only the resources that the simulation uses. */
export function fixtureTemplate(changes: FixtureChanges = {}): CloudFormationTemplate {
  const resources: Record<string, unknown> = structuredClone(RESOURCES);
  for (const [id, change] of Object.entries(changes)) {
    const resource = RESOURCES[id];
    if (change === undefined) delete resources[id];
    else if (resource)
      resources[id] = { ...resource, Properties: { ...asObject(resource.Properties), ...change } };
    else resources[id] = change;
  }
  return { Resources: resources };
}

function asObject(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}
