import { Match } from 'aws-cdk-lib/assertions';
import { Alarms } from '../../lib/alarms';
import { config, type Json, manyTargets } from './config/builder';
import { stackOf, templateOf, warningsOf } from './synthesise';
import { textIn } from './template-facts';

/** The severities are spelled out here, so that a change of the contract needs a change of this test. */
const PAGES = [
  'RefreshSilent',
  'RefreshFailing',
  'OperatorActionNeeded',
  'RetriesExhausted',
  'ScheduleBroken',
  'CredentialShortLived',
];
const WARNINGS = ['RunningSlow', 'FallbackRoute', 'ApiKeyOld'];
const PAGE_TOPIC = { Ref: 'NotificationsPagesTopic98F1FAEF' };
const WARNING_TOPIC = { Ref: 'NotificationsWarningsTopic2BD800ED' };
const ONCALL = 'arn:aws:sns:us-east-1:123456789012:oncall';
const CHAT = 'arn:aws:sns:us-east-1:123456789012:chat';

describe('Alarms', () => {
  const alarms = new Map<string, Json>();

  beforeAll(() => {
    const recipients = {
      emails: ['oncall@example.com'],
      warningEmails: ['team@example.com'],
      apiKeyMaxAgeDays: 45,
    };
    for (const [name, alarm] of alarmsOf({ refreshIntervalHours: 5, alarms: recipients }))
      alarms.set(name, alarm);
  });

  it('creates these nine alarms, each with the stack’s name before its own', () => {
    expect([...alarms.keys()].sort()).toEqual([...PAGES, ...WARNINGS].sort());
    for (const [name, { AlarmName }] of alarms) expect(AlarmName).toBe(`EcrCredentialRefresher-${name}`);
  });

  it.each([
    ['RefreshSilent', 'Sum RunSucceeded < 1, 72 of 72 periods of 300 s, no data: breaching'],
    ['RefreshFailing', 'Minimum TargetsFailed >= 1, 5 of 5 periods of 1260 s, no data: notBreaching'],
    ['OperatorActionNeeded', 'Sum OperatorActionNeeded >= 1, 1 of 5 periods of 60 s, no data: ignore'],
    [
      'RetriesExhausted',
      'Maximum ApproximateNumberOfMessagesVisible >= 1, 1 of 1 periods of 300 s, no data: notBreaching',
    ],
    [
      'ScheduleBroken',
      'Maximum ApproximateNumberOfMessagesVisible >= 1, 1 of 1 periods of 300 s, no data: notBreaching',
    ],
    ['CredentialShortLived', 'Minimum CredentialMinutesLeft < 540, 1 of 5 periods of 60 s, no data: ignore'],
    ['RunningSlow', 'Maximum Duration > 240000, 1 of 24 periods of 3600 s, no data: notBreaching'],
    ['FallbackRoute', 'Sum FallbackRoute >= 1, 5 of 5 periods of 18000 s, no data: ignore'],
    ['ApiKeyOld', 'Maximum ApiKeyAgeDays > 45, 1 of 1 periods of 3600 s, no data: ignore'],
  ])('sets %s off when %s', (name, condition) => {
    expect(conditionOf(alarms.get(name))).toBe(condition);
  });

  it.each([
    ['RefreshSilent', { service: 'EcrCredentialRefresher' }],
    ['RefreshFailing', { service: 'EcrCredentialRefresher' }],
    ['OperatorActionNeeded', { service: 'EcrCredentialRefresher' }],
    ['RetriesExhausted', { QueueName: { 'Fn::GetAtt': ['RetriesDeadLetterQueueA7B6A13A', 'QueueName'] } }],
    ['ScheduleBroken', { QueueName: { 'Fn::GetAtt': ['ScheduleUndeliveredQueueA505591B', 'QueueName'] } }],
    ['CredentialShortLived', { service: 'EcrCredentialRefresher' }],
    ['RunningSlow', { FunctionName: { Ref: 'RefresherFunction4AAAAD8B' } }],
    ['FallbackRoute', { service: 'EcrCredentialRefresher' }],
    ['ApiKeyOld', { service: 'EcrCredentialRefresher' }],
  ])('lets %s watch the metric of this stack', (name, dimensions) => {
    const { Dimensions } = alarms.get(name) as { Dimensions: { Name: string; Value: unknown }[] };

    expect(Object.fromEntries(Dimensions.map(({ Name, Value }) => [Name, Value]))).toEqual(dimensions);
  });

  it('lets ScheduleBroken watch the queue of every rule, the schedule’s and those of changed secrets', () => {
    const template = templateOf({
      targets: manyTargets(60, (index) => ({ runpodApiKeySecretName: `runpod/${index}` })),
    });

    const queues = Object.values(template.findResources('AWS::Events::Rule')).flatMap(({ Properties }) =>
      Properties.Targets.map(({ DeadLetterConfig }: Json) => JSON.stringify(DeadLetterConfig)),
    );
    expect(queues.length).toBeGreaterThan(3);
    expect(new Set(queues)).toEqual(
      new Set([JSON.stringify({ Arn: { 'Fn::GetAtt': ['ScheduleUndeliveredQueueA505591B', 'Arn'] } })]),
    );
  });

  it.each(PAGES)('notifies the topic of pages when %s goes off and when it is over', (name) => {
    expect(alarms.get(name)).toMatchObject({ AlarmActions: [PAGE_TOPIC], OKActions: [PAGE_TOPIC] });
  });

  it.each(WARNINGS)('notifies the topic of warnings when %s goes off, and not when it is over', (name) => {
    expect(alarms.get(name)).toMatchObject({ AlarmActions: [WARNING_TOPIC] });
    expect(alarms.get(name)).not.toHaveProperty('OKActions');
  });

  it.each([...PAGES, ...WARNINGS])(
    'describes %s in four lines: what happened and how much time is left, the command, the runbook, and the first step',
    (name) => {
      const description = textIn(alarms.get(name)?.AlarmDescription);
      const [report, command, runbook, firstStep] = description.split('\n');

      expect(report).toMatch(/^[A-Z].+\. [A-Z].+\.$/);
      expect(command).toBe(
        "npx runpod-ecr doctor --stack EcrCredentialRefresher --region <AWS::Region> (account <AWS::AccountId>, in the project's folder)",
      );
      expect(runbook).toBe(
        `Runbook: https://<AWS::Region>.console.aws.amazon.com/cloudwatch/home?region=<AWS::Region>#dashboards/dashboard/EcrCredentialRefresher-<AWS::Region> (heading ${name})`,
      );
      expect(firstStep).toMatch(/^[A-Z].+\.$/);
      expect(description.length).toBeLessThanOrEqual(900);
    },
  );

  it.each([...PAGES, ...WARNINGS])(
    'says in the metadata of %s why missing data counts as it does',
    (name) => {
      const found = Object.values(templateOf().findResources('AWS::CloudWatch::Alarm')).find(
        ({ Properties }) => Properties.AlarmName === `EcrCredentialRefresher-${name}`,
      );

      expect(found?.Metadata.TreatMissingData).toMatch(
        new RegExp(`^${found?.Properties.TreatMissingData}: [A-Za-z].+\\.$`),
      );
    },
  );

  it.each(['RefreshSilent', 'RefreshFailing', 'OperatorActionNeeded', 'ScheduleBroken'])(
    'promises four hours in %s, as the page budget leaves',
    (name) => {
      expect(textIn(alarms.get(name)?.AlarmDescription)).toContain('for at least 4 hours');
    },
  );

  it('leaves a runbook as it is that the configuration names by the path of version 0.1', () => {
    const { AlarmDescription } =
      alarmsOf({ alarms: { runbookUrl: 'docs/runbook.md' } }).get('ApiKeyOld') ?? {};

    expect(textIn(AlarmDescription)).toContain('\nRunbook: docs/runbook.md#apikeyold\n');
  });

  it('replaces the fragment of the configured runbook by the alarm’s heading', () => {
    const own = { emails: ['oncall@example.com'], runbookUrl: 'https://wiki.example.com/refresher#top' };

    const { AlarmDescription } = alarmsOf({ alarms: own }).get('ScheduleBroken') ?? {};

    expect(textIn(AlarmDescription)).toContain(
      '\nRunbook: https://wiki.example.com/refresher#schedulebroken\n',
    );
  });

  it('exposes all alarms, pages first, and each severity by itself', () => {
    const construct = stackOf(config()).node.findChild('Default').node.findChild('Alarms');

    if (!(construct instanceof Alarms)) throw new Error('the stack has no Alarms');
    const namesOf = (listed: Alarms['all']) => listed.map(({ node }) => node.id);
    expect(namesOf(construct.pages)).toEqual(PAGES);
    expect(namesOf(construct.warnings)).toEqual(WARNINGS);
    expect(namesOf(construct.all)).toEqual([...PAGES, ...WARNINGS]);
    expect(construct.all.map(({ severity }) => severity)).toEqual([
      ...PAGES.map(() => 'page'),
      ...WARNINGS.map(() => 'warning'),
    ]);
  });
});

describe('Notifications', () => {
  it('subscribes e-mail addresses and HTTPS endpoints to a new topic', () => {
    const template = templateOf({
      alarms: {
        emails: ['a@example.com', 'b@example.com'],
        httpsEndpoints: ['https://events.pagerduty.com/integration/x/enqueue'],
        warningEmails: ['team@example.com'],
      },
    });

    const subscriptions = Object.values(template.findResources('AWS::SNS::Subscription')).map(
      ({ Properties: { Protocol, Endpoint, TopicArn } }) => [Protocol, Endpoint, TopicArn],
    );
    expect(subscriptions).toHaveLength(4);
    expect(subscriptions).toEqual(
      expect.arrayContaining([
        ['email', 'a@example.com', PAGE_TOPIC],
        ['email', 'b@example.com', PAGE_TOPIC],
        ['https', 'https://events.pagerduty.com/integration/x/enqueue', PAGE_TOPIC],
        ['email', 'team@example.com', WARNING_TOPIC],
      ]),
    );
  });

  it('notifies existing topics unchanged, with a new topic or without one', () => {
    const alarms = alarmsOf({
      alarms: { emails: ['a@example.com'], topicArns: [ONCALL, CHAT], warningTopicArns: [CHAT] },
    });

    expect(alarms.get('RefreshSilent')).toMatchObject({
      AlarmActions: [PAGE_TOPIC, ONCALL, CHAT],
      OKActions: [PAGE_TOPIC, ONCALL, CHAT],
    });
    expect(alarms.get('RunningSlow')).toMatchObject({ AlarmActions: [CHAT] });
  });

  it('creates no topic without subscribers', () => {
    const template = templateOf({ alarms: { topicArns: [ONCALL] } });

    template.resourceCountIs('AWS::SNS::Topic', 0);
  });

  it('lets only alarms of this account and region publish, over TLS, to an unencrypted topic', () => {
    const template = templateOf({ alarms: { emails: ['a@example.com'] } });

    template.allResourcesProperties('AWS::SNS::Topic', { KmsMasterKeyId: Match.absent() });
    const [policy] = Object.values(template.findResources('AWS::SNS::TopicPolicy'));
    expect(policy?.Properties.PolicyDocument.Statement).toEqual([
      expect.objectContaining({
        Effect: 'Deny',
        Principal: '*',
        Action: 'sns:Publish',
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      }),
      {
        Sid: 'AlarmsPublish',
        Effect: 'Allow',
        Principal: { Service: 'cloudwatch.amazonaws.com' },
        Action: 'sns:Publish',
        Resource: PAGE_TOPIC,
        Condition: {
          StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } },
          ArnLike: { 'aws:SourceArn': { 'Fn::Join': ['', expect.arrayContaining([':alarm:*'])] } },
        },
      },
    ]);
  });

  it('warns at synth in one sentence when nobody is paged', () => {
    const warnings = warningsOf(stackOf(config({ alarms: { warningEmails: ['team@example.com'] } })));

    expect(warnings).toEqual([
      expect.stringMatching(
        /^Nobody is paged [^.]+: give pageTopics, or alarms\.emails, [a-zA-Z. ,]+ in a configuration file\./,
      ),
    ]);
  });
});

/** Returns the properties of every alarm by its name without the stack's. */
function alarmsOf(overrides: Json): Map<string, Json> {
  const found = templateOf(overrides).findResources('AWS::CloudWatch::Alarm');
  return new Map(
    Object.values(found).map(({ Properties }) => [Properties.AlarmName.replace(/^.*-/, ''), Properties]),
  );
}

const SIGNS: Readonly<Record<string, string>> = {
  GreaterThanThreshold: '>',
  GreaterThanOrEqualToThreshold: '>=',
  LessThanThreshold: '<',
};

function conditionOf(alarm: Json = {}): string {
  const { Statistic, MetricName, ComparisonOperator, Threshold, DatapointsToAlarm, EvaluationPeriods } =
    alarm;
  const metric = `${Statistic} ${MetricName} ${SIGNS[String(ComparisonOperator)]} ${Threshold}`;
  const periods = `${DatapointsToAlarm} of ${EvaluationPeriods} periods of ${alarm.Period} s`;
  return `${metric}, ${periods}, no data: ${alarm.TreatMissingData}`;
}
