import { CfnResource, type Stack, Tags } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { config, type Json, targetJson } from './config/builder';
import { stackOf, templateOf, warningsOf } from './synthesise';

describe('FirstRefresh', () => {
  it('invokes the function during the deployment, and waits longer than the function’s timeout', () => {
    const { Properties } = triggerOf(templateOf());

    expect(Properties).toMatchObject({
      InvocationType: 'RequestResponse',
      Timeout: '330000',
      ServiceTimeout: '600',
    });
    expect(Properties.HandlerArn).toEqual({ Ref: expect.stringMatching(/^RefresherFunctionCurrentVersion/) });
  });

  it('runs after everything that a refresh needs is deployed', () => {
    const { DependsOn } = triggerOf(templateOf());

    expect(DependsOn).toEqual(
      expect.arrayContaining([
        'RefresherFunction4AAAAD8B',
        'RefresherRolePermissions5C0710AB',
        'RefresherLogGroupD7C34E22',
        'RetriesDestinationA5038552',
        'ScheduleRule322D6281',
      ]),
    );
  });

  it('runs before the retry queue is connected and before any alarm, RefreshSilent last', () => {
    const template = templateOf();
    const { id } = triggerOf(template);

    const alarms = template.findResources('AWS::CloudWatch::Alarm');
    template.hasResource('AWS::Lambda::EventSourceMapping', { DependsOn: Match.arrayWith([id]) });
    expect(Object.values(alarms).filter(({ DependsOn }) => !DependsOn?.includes(id))).toEqual([]);
    expect(alarms.AlarmsRefreshSilent83AE791D?.DependsOn).toEqual(
      expect.arrayContaining(['RetriesSourceBC2DBCEE']),
    );
  });

  it('keeps the log of the trigger’s provider for a month, like every other log', () => {
    const template = templateOf();

    const functions = template.findResources('AWS::Lambda::Function');
    const logGroups = template.findResources('AWS::Logs::LogGroup');
    const used = Object.values(functions).map(({ Properties }) => Properties.LoggingConfig.LogGroup.Ref);
    expect(used.sort()).toEqual(Object.keys(logGroups).sort());
    for (const { Properties } of Object.values(logGroups)) expect(Properties.RetentionInDays).toBe(30);
  });

  it('is a new resource exactly when the function’s settings change', () => {
    const { id } = triggerOf(templateOf());
    const again = Template.fromStack(stackOf(config()));
    const other = { targets: [targetJson({ registry: { type: 'ecr', repositories: ['another'] } })] };

    expect(triggerOf(again).id).toBe(id);
    expect(triggerOf(templateOf(other)).id).not.toBe(id);
    expect(triggerOf(templateOf({ alarms: { emails: ['b@example.com'] } })).id).toBe(id);
  });

  it('is a new resource when the interval changes, and RefreshSilent changes only after it', () => {
    const [before, after] = [6, 1].map((refreshIntervalHours) => templateOf({ refreshIntervalHours }));
    if (!before || !after) throw new Error('expected two templates');

    const versions = [before, after].map((template) =>
      Object.keys(template.findResources('AWS::Lambda::Version')),
    );
    expect(versions[0]).not.toEqual(versions[1]);
    expect(triggerOf(after).id).not.toBe(triggerOf(before).id);
    expect(after.findResources('AWS::CloudWatch::Alarm').AlarmsRefreshSilent83AE791D?.DependsOn).toContain(
      triggerOf(after).id,
    );
  });

  it.each<[string, Json]>([
    ['the example', {}],
    ['an attempted first refresh', { firstRefresh: 'attempt' }],
  ])(
    'has the same id, like every other resource, whether or not the account is known: %s',
    (_, overrides) => {
      const unknown = templateOf(overrides);
      const known = Template.fromStack(
        stackOf(config(overrides), { account: '123456789012', region: 'eu-west-1' }),
      );

      expect(Object.keys(known.toJSON().Resources)).toEqual(Object.keys(unknown.toJSON().Resources));
    },
  );

  it('publishes a new version exactly when Lambda sees a change', () => {
    const versionAfter = (change: (stack: Stack) => void) => {
      const stack = stackOf(config());
      change(stack);
      return Object.keys(Template.fromStack(stack).findResources('AWS::Lambda::Version'));
    };
    const property = (name: string, value: unknown) => (stack: Stack) => {
      const fn = stack.node.findChild('Default').node.findChild('Refresher').node.findChild('Function')
        .node.defaultChild;
      if (!CfnResource.isCfnResource(fn)) throw new Error('the stack has no function');
      fn.addPropertyOverride(name, value);
    };
    const plain = versionAfter(() => undefined);

    expect(plain).toEqual([expect.stringMatching(/^RefresherFunctionCurrentVersionABDE79CA[0-9a-f]{32}$/)]);
    expect(versionAfter(property('MemorySize', 512))).not.toEqual(plain);
    expect(versionAfter(property('Environment.Variables.A', 'b'))).not.toEqual(plain);
    expect(versionAfter(property('Code.S3Bucket', 'another'))).toEqual(plain);
    expect(versionAfter((stack) => Tags.of(stack).add('team', 'a'))).toEqual(plain);
  });

  it('does not hold up the deployment when it is only attempted, and sends failures to the retry queue', () => {
    const template = templateOf({ firstRefresh: 'attempt' });

    const { Properties } = triggerOf(template);
    expect(Properties.InvocationType).toBe('Event');
    template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      Qualifier: { 'Fn::GetAtt': [Properties.HandlerArn.Ref, 'Version'] },
      DestinationConfig: {
        OnFailure: { Destination: { 'Fn::GetAtt': ['RetriesRetryQueue16BEB40E', 'Arn'] } },
      },
    });
  });

  it('does not exist when it is off, and synth says what that means', () => {
    const stack = stackOf(config({ firstRefresh: 'off' }));

    expect(
      stack.node.tryFindChild('AWSCDK.TriggerCustomResourceProviderCustomResourceProvider'),
    ).toBeUndefined();
    expect(warningsOf(stack)).toEqual([
      expect.stringContaining(
        'With "firstRefresh": "off" nothing is refreshed until the first scheduled run, 6 hours after the deployment, and RefreshSilent cannot go off for 7 hours.',
      ),
    ]);
  });

  it('retains no resource when the first deployment is rolled back', () => {
    const { Resources } = templateOf().toJSON() as { Resources: Record<string, { DeletionPolicy?: string }> };

    const kept = Object.entries(Resources).filter(
      ([, { DeletionPolicy = 'Delete' }]) => DeletionPolicy !== 'Delete',
    );
    expect(kept).toEqual([]);
  });
});

function triggerOf(template: Template) {
  const [found] = Object.entries(template.findResources('Custom::Trigger'));
  if (!found) throw new Error('there is no trigger');
  const [id, { Properties, DependsOn }] = found;
  return { id, Properties, DependsOn };
}
