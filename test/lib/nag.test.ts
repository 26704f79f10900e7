import { type Stack, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, type NagPack, ServerlessChecks } from 'cdk-nag';
import { config, manyTargets, targetJson } from './config/builder';
import { bothStacks, stackOf } from './synthesise';

const ENV = { account: '123456789012', region: 'eu-west-1' };

describe('cdk-nag', () => {
  const targets = [
    targetJson(),
    targetJson({
      name: 'other',
      registryAuthId: 'other1',
      registry: { type: 'ecr', repositories: ['theirs'], roleArn: 'arn:aws:iam::210987654321:role/pull' },
    }),
  ];
  const delegations = [{ repository: 'my-app' }, { repository: 'theirs', region: 'us-west-2' }];
  const wide = manyTargets(300, (index) => ({
    registry: { type: 'ecr', repositories: [`worker-${index}`] },
  }));

  it.each<[string, () => Stack]>([
    ['a stack with a standby', () => bothStacks({ targets }).primary],
    ['a standby', () => bothStacks({ targets }).standby],
    ['a stack without an environment', () => stackOf(config({ targets }))],
    ['a stack for one account and region', () => stackOf(config({ targets }), ENV)],
    ['a stack that only attempts the first refresh', () => stackOf(config({ firstRefresh: 'attempt' }))],
    [
      'a stack with every kind of recipient',
      () =>
        stackOf(
          config({
            alarms: {
              emails: ['oncall@example.com'],
              httpsEndpoints: ['https://events.example.com/key'],
              warningEmails: ['team@example.com'],
              warningTopicArns: ['arn:aws:sns:us-east-1:123456789012:chat'],
            },
          }),
        ),
    ],
    ['a stack with a watch', () => stackOf(config({ targets, pullWatch: {} }), ENV)],
    ['a stack with delegations', () => stackOf(config({ delegations }), ENV)],
    ['a stack with many repositories', () => stackOf(config({ targets: wide }), ENV)],
  ])('finds no unacknowledged problem in %s', (_, makeStack) => {
    const stack = makeStack();

    expect(findings(stack)).toEqual([]);
  });

  it('needs every acknowledgement of the stack', () => {
    const stack = stackOf(config({ targets, delegations, pullWatch: {} }), ENV);
    const needed = new Set<string>();
    for (const Pack of [AwsSolutionsChecks, ServerlessChecks]) {
      jest.spyOn(acknowledgementsOf(Pack.prototype), 'isAcknowledged').mockImplementation((_, id) => {
        needed.add(id);
        return true;
      });
    }

    findings(stack);
    jest.restoreAllMocks();

    expect(new Set(acknowledged(stack).map(({ id }) => id))).toEqual(needed);
  });

  it('is acknowledged only with a reason of at least one sentence', () => {
    for (const { reason } of acknowledged(stackOf(config({ targets, delegations }), ENV))) {
      expect(reason).toMatch(/^[A-Za-z].{60,}\.$/);
    }
  });
});

/** Returns the pack's method that looks up acknowledgements. Its type is private. */
function acknowledgementsOf(pack: NagPack): { isAcknowledged(resource: unknown, id: string): boolean } {
  return pack as unknown as ReturnType<typeof acknowledgementsOf>;
}

function findings(stack: Stack): string[] {
  return [new AwsSolutionsChecks(stack), new ServerlessChecks(stack)]
    .flatMap((pack) => pack.validateScope(stack).violations)
    .flatMap(({ ruleName, violatingResources }) =>
      violatingResources.map(({ constructPath }) => `${ruleName} at ${constructPath}`),
    );
}

function acknowledged(stack: Stack): { id: string; reason: string }[] {
  return (
    stack.node
      .findAll()
      .flatMap(({ node }) => node.metadata)
      .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
      .flatMap(({ data }) => Object.entries<string>(data))
      .map(([id, reason]) => ({ id: id.replace(/^annotation::/i, ''), reason }))
      // Acknowledged warnings of the CDK are no findings of cdk-nag.
      .filter(({ id }) => !id.startsWith('@aws-cdk/'))
  );
}
