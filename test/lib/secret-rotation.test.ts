import { Template } from 'aws-cdk-lib/assertions';
import { z } from 'zod';
import { config, type Json, targetJson } from './config/builder';
import { stackOf, warningsOf } from './synthesise';

const ENV = { account: '123456789012', region: 'eu-west-1' };
const ARN = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:';

const rulesSchema = z.record(
  z.string(),
  z.object({
    Properties: z.object({
      EventPattern: z.record(z.string(), z.unknown()).optional(),
      Targets: z.array(z.record(z.string(), z.unknown())),
    }),
  }),
);

/** Returns the rules of a stack, the event patterns among them, and the warnings of synth. */
function rulesFor(targets: readonly Json[]) {
  const stack = stackOf(config({ targets }), ENV);
  const rules = Object.values(
    rulesSchema.parse(Template.fromStack(stack).findResources('AWS::Events::Rule')),
  );
  const patterns = rules.flatMap(({ Properties }) => Properties.EventPattern ?? []);
  return { rules, patterns, warnings: warningsOf(stack) };
}

/** Returns the JSON of one target for each name of a secret. */
function withSecrets(names: readonly string[]): Json[] {
  return names.map((credentialSecretName, index) =>
    targetJson({
      name: `t${index}`,
      registryAuthId: `a${index}`,
      registry: { type: 'docker-hub', credentialSecretName },
    }),
  );
}

/** Matches as EventBridge does, for the features that these patterns use. */
function matches(pattern: unknown, event: unknown): boolean {
  if (Array.isArray(pattern)) return pattern.some((rule) => matchesRule(rule, event));
  if (typeof pattern !== 'object' || pattern === null) throw new Error(`unknown pattern ${pattern}`);
  return Object.entries(pattern).every(([key, inner]) => {
    if (key === '$or') return Array.isArray(inner) && inner.some((option) => matches(option, event));
    return matches(inner, typeof event === 'object' && event !== null ? Reflect.get(event, key) : undefined);
  });
}

function matchesRule(rule: unknown, value: unknown): boolean {
  if (typeof rule !== 'object' || rule === null) return rule === value;
  if ('exists' in rule) return rule.exists === (value !== undefined);
  if ('prefix' in rule) return typeof value === 'string' && value.startsWith(String(rule.prefix));
  throw new Error(`unknown rule ${JSON.stringify(rule)}`);
}

const labelUpdated = (name: string, label = 'AWSCURRENT') => ({
  source: 'aws.secretsmanager',
  'detail-type': 'Secret Label Updated',
  resources: [`${ARN}${name}-a1b2c3`],
  detail: { name, labelUpdated: label, versionId: 'a1b2c3d4-5678-90ab-cdef-EXAMPLE11111' },
});

const apiCall = (secretId: string, differences: Json = {}) => ({
  source: 'aws.secretsmanager',
  'detail-type': 'AWS API Call via CloudTrail',
  detail: {
    eventSource: 'secretsmanager.amazonaws.com',
    eventName: 'PutSecretValue',
    requestParameters: { secretId, clientRequestToken: 'x' },
    ...differences,
  },
});

describe('SecretRotation', () => {
  const { patterns, rules } = rulesFor([
    targetJson(),
    targetJson({
      name: 'hub',
      registryAuthId: 'hub',
      runpodApiKeySecretName: `${ARN}team-b-AbCd12`,
      registry: { type: 'docker-hub', credentialSecretName: 'registry/docker-hub' },
    }),
  ]);
  const invokes = (event: object) => patterns.some((pattern) => matches(pattern, event));

  it.each([
    ['a change of a registry secret', labelUpdated('registry/docker-hub')],
    ['a change of a Runpod API key', labelUpdated('runpod/api-key')],
    ['a change of a Runpod API key that the configuration names by its ARN', labelUpdated('team-b')],
    ['an API call with the name', apiCall('registry/docker-hub')],
    ['an API call with the ARN', apiCall(`${ARN}registry/docker-hub-a1b2c3`)],
    ['an API call with the ARN without its last six characters', apiCall(`${ARN}registry/docker-hub`)],
    ['an API call with the ARN of the configuration', apiCall(`${ARN}team-b-AbCd12`)],
    ['a rotation that moves the label', apiCall('team-b', { eventName: 'UpdateSecretVersionStage' })],
    ['an update of the secret', apiCall('runpod/api-key', { eventName: 'UpdateSecret' })],
  ])('invokes the function for %s', (_, event) => {
    expect(invokes(event)).toBe(true);
  });

  it.each([
    ['a change of another secret', labelUpdated('registry/ghcr')],
    ['a change of another label', labelUpdated('registry/docker-hub', 'BLUE')],
    ['an API call for another secret', apiCall('registry/ghcr')],
    [
      'a secret of another account',
      apiCall(`${ARN.replace('123456789012', '210987654321')}registry/docker-hub`),
    ],
    ['an API call that failed', apiCall('registry/docker-hub', { errorCode: 'AccessDenied' })],
    ['the function’s own read', apiCall('registry/docker-hub', { eventName: 'GetSecretValue' })],
    ['an event of another service', { ...labelUpdated('registry/docker-hub'), source: 'custom' }],
  ])('does not invoke the function for %s', (_, event) => {
    expect(invokes(event)).toBe(false);
  });

  it('delivers events with the same target settings as the schedule', () => {
    const [first, ...others] = rules.map(({ Properties }) => Properties.Targets);

    expect(others).toEqual([first]);
  });

  it('watches a secret once when several targets name it', () => {
    const { patterns: watching } = rulesFor(withSecrets(Array.from({ length: 30 }, () => 'registry/hub')));

    expect(watching).toHaveLength(1);
    expect(JSON.stringify(watching).split('"registry/hub"')).toHaveLength(3);
  });

  it.each([
    ['many', Array.from({ length: 150 }, (_, index) => `registry/of-customer-${index}`)],
    ['long', ['a'.repeat(512), 'b'.repeat(512), 'c'.repeat(300), 'd'.repeat(300)]],
  ])('divides %s names among rules whose patterns EventBridge accepts', (_, names) => {
    const { patterns: divided, warnings } = rulesFor(withSecrets(names));

    expect(divided.length).toBeGreaterThan(1);
    for (const pattern of divided) expect(JSON.stringify(pattern).length).toBeLessThanOrEqual(2_048);
    expect(names.filter((name) => !divided.some((pattern) => matches(pattern, labelUpdated(name))))).toEqual(
      [],
    );
    expect(warnings).toEqual([]);
  });

  it('adds one statement for 20 rules to the policy of the queue', () => {
    const names = Array.from({ length: 1_000 }, (_, index) => `registry/of-customer-${index}`);
    const stack = stackOf(config({ stackName: 'a'.repeat(100), targets: withSecrets(names) }), ENV);

    const policies = Template.fromStack(stack).findResources('AWS::SQS::QueuePolicy');

    const [policy] = Object.entries(policies).filter(([id]) => id.startsWith('ScheduleUndelivered'));
    const { Statement } = policy?.[1].Properties.PolicyDocument ?? {};
    const sources = Statement.find(({ Sid }: Json) => Sid === 'SecretRulesSend').Condition.ArnEquals;
    expect(sources['aws:SourceArn']).toHaveLength(20);
    // The ARN of a rule has 60 characters before the rule's generated name of up to 64.
    const resolved = JSON.stringify(Statement).replace(
      /\{"Fn::GetAtt":\[[^\]]*\]\}/g,
      `"${'x'.repeat(130)}"`,
    );
    expect(resolved.length).toBeLessThan(8_192);
    expect(Statement.length).toBeLessThan(20);
  });

  it('warns of the number of secrets that no rule watches', () => {
    const names = Array.from({ length: 1_000 }, (_, index) => `registry/of-customer-${index}`);

    const { patterns: watching, warnings } = rulesFor(withSecrets(names));

    const watched = names.filter((name) => watching.some((pattern) => matches(pattern, labelUpdated(name))));
    expect(watching).toHaveLength(20);
    expect(warnings).toContainEqual(
      expect.stringMatching(`^${1_000 - watched.length} secrets are more than 20 rules`),
    );
  });
});
