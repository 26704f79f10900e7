import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { readConfigFile } from '../../lib/config/load';
import type { RefresherConfig } from '../../lib/config/schema';
import { stackOf } from './synthesise';

/** Logical id to resource type. */
type Resources = Readonly<Record<string, string>>;

/** The committed ids. `CDKMetadata` is not among them: the CDK CLI adds it, not this stack. */
const COMMITTED: Readonly<Record<string, Resources>> = JSON.parse(
  readFileSync(join(__dirname, 'logical-ids.json'), 'utf8'),
);

/** The hash at the end of these ids follows the function's code and settings, so it changes with both. */
const HASHED_ID = /^(FirstRefresh|RefresherFunctionCurrentVersion[0-9A-F]{8})[0-9a-f]{32}$/;

const CONSEQUENCE =
  'A logical id that disappears or changes makes CloudFormation delete or replace that resource in every account where the stack is deployed.';

describe('the logical ids of the stack', () => {
  const example = exampleFile('refresher.config.example.json');
  const delegations = [
    { repository: 'my-app', region: 'us-east-1' },
    { repository: 'team/app', region: 'eu-west-1', runpodApiKeySecretName: 'runpod/team-b' },
  ];

  it.each<[string, RefresherConfig]>([
    ['refresher.config.example.json', example],
    [
      'refresher.config.all-registries.example.json',
      exampleFile('refresher.config.all-registries.example.json'),
    ],
    [
      'refresher.config.example.json with delegations and an attempted first refresh',
      { ...example, firstRefresh: 'attempt', delegations },
    ],
  ])('are those in logical-ids.json for %s', (name, config) => {
    const stack = stackOf(config);

    const resources = resourcesOf(Template.fromStack(stack));

    expect(complaintAbout(resources, COMMITTED[name])).toBe('');
  });

  it.each<[string, Resources, string]>([
    ['a missing id', { A: 'AWS::SQS::Queue' }, 'gone: B (AWS::SNS::Topic)'],
    ['a new id', { A: 'AWS::SQS::Queue', B: 'AWS::SNS::Topic', C: 'x' }, 'new: C (x)'],
    ['another type', { A: 'AWS::SQS::Queue', B: 'x' }, 'gone: B (AWS::SNS::Topic)\nnew: B (x)'],
  ])('are compared with a message that explains %s', (_, actual, differences) => {
    const committed = { A: 'AWS::SQS::Queue', B: 'AWS::SNS::Topic' };

    expect(complaintAbout(actual, committed)).toBe(`${differences}\n${CONSEQUENCE}`);
  });
});

function exampleFile(name: string): RefresherConfig {
  return readConfigFile(join(__dirname, '../..', name));
}

/** Returns one line for each difference and then what it means, or an empty text when there is none. */
function complaintAbout(actual: Resources, committed: Resources = {}): string {
  const [found, expected] = [linesOf(actual), linesOf(committed)];
  const differences = [
    ...expected.filter((line) => !found.includes(line)).map((line) => `gone: ${line}`),
    ...found.filter((line) => !expected.includes(line)).map((line) => `new: ${line}`),
  ];
  return differences.length === 0 ? '' : [...differences, CONSEQUENCE].join('\n');
}

function linesOf(resources: Resources): string[] {
  return Object.entries(resources).map(([id, type]) => `${id} (${type})`);
}

function resourcesOf(template: Template): Resources {
  const { Resources }: { Resources: Record<string, { Type: string }> } = {
    Resources: {},
    ...template.toJSON(),
  };
  return Object.fromEntries(
    Object.entries(Resources).map(([id, { Type }]) => [id.replace(HASHED_ID, '$1<hash>'), Type]),
  );
}
