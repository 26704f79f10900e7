import { Match, Template } from 'aws-cdk-lib/assertions';
import { ALARMS } from '../../lambda/core/contract';
import { config, type Json, targetJson } from './config/builder';
import { permissionsOf } from './permissions';
import { stackOf } from './synthesise';

const ENV = { account: '123456789012', region: 'eu-west-1' };

function templateWith(pullWatch: Json, overrides: Json = {}): Template {
  return Template.fromStack(stackOf(config({ pullWatch, ...overrides }), ENV));
}

describe('PullWatch', () => {
  const template = templateWith({});
  const without = templateWith({ mode: 'off' });
  const added = (type: string) =>
    Object.entries(template.findResources(type)).filter(([id]) => !(id in without.findResources(type)));

  it('adds a function, a role, a rule, a log group, three alarms and a query, and changes nothing else', () => {
    const { Resources: all } = template.toJSON();
    const { Resources: before } = without.toJSON();
    const types = Object.keys(all)
      .filter((id) => !(id in before))
      .map((id) => String(all[id].Type));
    const changed = Object.keys(before).filter(
      (id) =>
        !/Dashboard|RefresherFunction4AAAAD8B/.test(id) &&
        JSON.stringify(all[id]) !== JSON.stringify(before[id]),
    );

    expect(types.sort()).toEqual([
      'AWS::CloudWatch::Alarm',
      'AWS::CloudWatch::Alarm',
      'AWS::CloudWatch::Alarm',
      'AWS::Events::Rule',
      'AWS::IAM::Policy',
      'AWS::IAM::Role',
      'AWS::Lambda::EventInvokeConfig',
      'AWS::Lambda::Function',
      'AWS::Lambda::Permission',
      'AWS::Logs::LogGroup',
      'AWS::Logs::QueryDefinition',
    ]);
    expect(changed).toEqual([]);
  });

  it('leaves the code and the settings of the refresher as they are', () => {
    const codeOf = (one: Template) =>
      one.findResources('AWS::Lambda::Function').RefresherFunction4AAAAD8B?.Properties;

    expect(codeOf(template)).toEqual(codeOf(without));
  });

  it('may read the keys, get credentials, pull the named repositories, and read and write its own log', () => {
    const extra = permissionsOf(template).filter(
      (line, index, lines) => lines.indexOf(line) !== index || !permissionsOf(without).includes(line),
    );

    const repository = 'arn:aws:ecr:eu-west-1:123456789012:repository/worker';
    expect(extra).toEqual([
      `Allow ecr:BatchCheckLayerAvailability on ${repository}`,
      `Allow ecr:BatchGetImage on ${repository}`,
      'Allow ecr:GetAuthorizationToken on *',
      `Allow ecr:GetDownloadUrlForLayer on ${repository}`,
      expect.stringMatching(/^Allow logs:CreateLogStream on <PullWatchLogGroup/),
      expect.stringMatching(/^Allow logs:FilterLogEvents on <PullWatchLogGroup/),
      expect.stringMatching(/^Allow logs:PutLogEvents on <PullWatchLogGroup/),
      'Allow secretsmanager:GetSecretValue on arn:aws:secretsmanager:eu-west-1:123456789012:secret:runpod/api-key-??????',
    ]);
  });

  it.each([
    [15, 'rate(15 minutes)'],
    [60, 'rate(1 hour)'],
    [90, 'rate(90 minutes)'],
    [360, 'rate(6 hours)'],
  ])('looks every %d minutes: %s', (intervalMinutes, expression) => {
    const rules = templateWith({ intervalMinutes }).findResources('AWS::Events::Rule');

    const own = Object.entries(rules).filter(([id]) => id.startsWith('PullWatch'));
    expect(own.map(([, { Properties }]) => Properties.ScheduleExpression)).toEqual([expression]);
  });

  it('has settings of its own', () => {
    const watch = templateWith({ ignore: ['ep_abc123'], intervalMinutes: 30 });

    const [[, { Metadata }]] = Object.entries(watch.findResources('AWS::Lambda::Function')).filter(
      ([, resource]) => resource.Metadata?.['runpod-ecr-credential-refresher'],
    ) as [[string, { Metadata: Record<string, { settings: unknown }> }]];
    expect(Metadata['runpod-ecr-credential-refresher']?.settings).toMatchObject({
      pullWatch: { ignore: ['ep_abc123'], intervalMinutes: 30 },
    });
  });

  it('sends lost events to no queue, because an undelivered look pages nobody', () => {
    const [[, rule]] = added('AWS::Events::Rule') as [[string, { Properties: { Targets: object[] } }]];
    const [[, invocation]] = added('AWS::Lambda::EventInvokeConfig') as [[string, { Properties: object }]];

    expect(rule.Properties.Targets).toEqual([
      expect.not.objectContaining({ DeadLetterConfig: expect.anything() }),
    ]);
    expect(invocation.Properties).toEqual({
      FunctionName: expect.anything(),
      Qualifier: '$LATEST',
      MaximumEventAgeInSeconds: 600,
      MaximumRetryAttempts: 1,
    });
  });

  it.each([
    ['PullsFailing', 'page', { Statistic: 'Maximum', Threshold: 1, Period: 60, TreatMissingData: 'ignore' }],
    [
      'ImagesUnpullable',
      'page',
      { Statistic: 'Maximum', Threshold: 1, Period: 60, TreatMissingData: 'ignore' },
    ],
    [
      'WatchSilent',
      'warning',
      {
        MetricName: 'PullsFailing',
        Statistic: 'SampleCount',
        ComparisonOperator: 'LessThanThreshold',
        Threshold: 1,
        Period: 3600,
        EvaluationPeriods: 24,
        TreatMissingData: 'breaching',
        WarmUpConfiguration: { WarmUpPeriodDurationInMinutes: 1440 },
      },
    ],
  ] as const)('has the alarm %s of severity %s', (name, severity, properties) => {
    expect(ALARMS[name]).toBe(severity);
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      AlarmName: `EcrCredentialRefresher-${name}`,
      AlarmDescription: Match.stringLikeRegexp(`\\(heading ${name}\\)`),
      Dimensions: [{ Name: 'service', Value: 'EcrCredentialRefresher' }],
      ...properties,
    });
  });

  it('shows on the dashboard what it found', () => {
    const [dashboard] = Object.values(template.findResources('AWS::CloudWatch::Dashboard'));

    const text = JSON.stringify(dashboard);
    expect(text).toContain('PullsFailing');
    expect(text).toContain('pull problem');
    expect(text).toContain('watch may not look');
  });

  it('assumes the roles of the targets too', () => {
    const roleArn = 'arn:aws:iam::210987654321:role/pull';
    const targets = [targetJson({ registry: { type: 'ecr', repositories: ['worker'], roleArn } })];

    const assumed = permissionsOf(templateWith({}, { targets })).filter((line) =>
      line.includes('sts:AssumeRole'),
    );

    expect(assumed).toEqual([`Allow sts:AssumeRole on ${roleArn}`, `Allow sts:AssumeRole on ${roleArn}`]);
  });
});
