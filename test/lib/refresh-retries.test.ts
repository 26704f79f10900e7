import { App, Duration, Stack } from 'aws-cdk-lib';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { RefreshRetries } from '../../lib/refresh-retries';
import { templateOf } from './synthesise';

const RETRY_QUEUE = { 'Fn::GetAtt': ['RetriesRetryQueue16BEB40E', 'Arn'] };
const DEAD_LETTER_QUEUE = { 'Fn::GetAtt': ['RetriesDeadLetterQueueA7B6A13A', 'Arn'] };
const UNDELIVERED_QUEUE = { 'Fn::GetAtt': ['ScheduleUndeliveredQueueA505591B', 'Arn'] };
const FUNCTION = { Ref: 'RefresherFunction4AAAAD8B' };

describe('RefreshRetries', () => {
  let template: Template;

  beforeAll(() => {
    template = templateOf({ refreshIntervalHours: 6 });
  });

  it('sends runs that fail after Lambda’s own retries to the retry queue, after the role may do so', () => {
    template.hasResource('AWS::Lambda::EventInvokeConfig', {
      Properties: {
        FunctionName: FUNCTION,
        Qualifier: '$LATEST',
        DestinationConfig: { OnFailure: { Destination: RETRY_QUEUE } },
      },
      DependsOn: ['RetriesPermissionsA33EB908'],
    });
  });

  it('retries one run at a time and leaves concurrency to the schedule', () => {
    template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      FunctionName: FUNCTION,
      EventSourceArn: RETRY_QUEUE,
      BatchSize: 1,
      ScalingConfig: { MaximumConcurrency: 2 },
    });
  });

  it.each([
    [1, 4, 2 * 3600],
    [6, 24, 12 * 3600],
  ])('retries every 15 minutes for an interval of %i h: %i times', (hours, maxReceiveCount, retention) => {
    const ofInterval = templateOf({ refreshIntervalHours: hours });

    ofInterval.hasResourceProperties('AWS::SQS::Queue', {
      DelaySeconds: 420,
      VisibilityTimeout: 900,
      MessageRetentionPeriod: retention,
      RedrivePolicy: { deadLetterTargetArn: DEAD_LETTER_QUEUE, maxReceiveCount },
    });
  });

  it('keeps runs that are no longer retried and undelivered events for 14 days', () => {
    const kept = template.findResources('AWS::SQS::Queue', {
      Properties: { MessageRetentionPeriod: 14 * 86_400, RedrivePolicy: Match.absent() },
    });

    expect(Object.keys(kept).sort()).toEqual([
      'RetriesDeadLetterQueueA7B6A13A',
      'ScheduleUndeliveredQueueA505591B',
    ]);
    template.hasResourceProperties('AWS::Events::Rule', {
      Targets: [Match.objectLike({ DeadLetterConfig: { Arn: UNDELIVERED_QUEUE } })],
    });
  });

  it('encrypts every queue and accepts only TLS', () => {
    template.allResourcesProperties('AWS::SQS::Queue', { SqsManagedSseEnabled: true });
    const denied = Object.values(template.findResources('AWS::SQS::QueuePolicy')).flatMap(({ Properties }) =>
      Properties.PolicyDocument.Statement.filter(
        ({ Effect, Condition }: { Effect: string; Condition?: unknown }) =>
          Effect === 'Deny' && JSON.stringify(Condition) === '{"Bool":{"aws:SecureTransport":"false"}}',
      ),
    );
    expect(denied).toHaveLength(3);
  });

  it('lets only the stack’s own rule send events to the undelivered queue', () => {
    template.hasResourceProperties('AWS::SQS::QueuePolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Effect: 'Allow',
            Action: 'sqs:SendMessage',
            Principal: { Service: 'events.amazonaws.com' },
            Condition: { ArnEquals: { 'aws:SourceArn': { 'Fn::GetAtt': ['ScheduleRule322D6281', 'Arn'] } } },
          }),
        ]),
      },
      Queues: [{ Ref: 'ScheduleUndeliveredQueueA505591B' }],
    });
  });

  it('throws when the timeout is not shorter than the retry interval', () => {
    const stack = new Stack(new App(), 'Stack');
    const role = new Role(stack, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    const fn = LambdaFunction.fromFunctionName(stack, 'Function', 'refresher');
    const interval = Duration.hours(6);

    const make = (minutes: number) => () =>
      new RefreshRetries(stack, `Retries${minutes}`, {
        function: fn,
        timeout: Duration.minutes(minutes),
        role,
        interval,
      });

    expect(make(15)).toThrow(/timeout \(15 minutes\) must be shorter than the retry interval/);
    expect(make(14)).not.toThrow();
  });
});
