import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { ALARMS, LOG_MESSAGES, METRIC_NAMESPACE, METRICS } from '../../lambda/core/contract';
import { targetJson } from '../lib/config/builder';
import { bothStacks } from '../lib/synthesise';

const ROOT = join(__dirname, '../..');

describe('docs/configuration.md', () => {
  it('describes every key of the configuration', () => {
    const schema = JSON.parse(readFileSync(join(ROOT, 'refresher.schema.json'), 'utf8'));
    const keys = keysOf(schema).filter((key) => key !== '$schema');

    expect(keys.length).toBeGreaterThan(30);
    expect(keys.filter((key) => !page('configuration').includes(`\`${key}\``))).toEqual([]);
  });
});

describe('docs/permissions.md', () => {
  it('has every statement of the refreshing role, and no other', () => {
    const registries = [
      { type: 'ecr', repositories: ['worker'] },
      { type: 'ecr', repositories: ['worker'], roleArn: 'arn:aws:iam::210987654321:role/pull' },
      { type: 'ecr-public' },
      { type: 'ghcr', credentialSecretName: 'registry/ghcr' },
    ];
    const targets = registries.map((registry, index) =>
      targetJson({ name: `target-${index}`, registryAuthId: `auth${index}`, registry }),
    );
    const template = Template.fromStack(bothStacks({ targets }).primary);
    const policies = Object.values(template.findResources('AWS::IAM::Policy'));
    const statements = policies.flatMap(({ Properties }) => Properties.PolicyDocument.Statement);

    const documented = [...page('permissions').matchAll(/^\| `(\w+)` \|/gm)].map(([, sid]) => sid);

    expect(documented.sort()).toEqual(statements.map(({ Sid }) => Sid).sort());
  });
});

describe('docs/metrics-and-events.md', () => {
  it('has the namespace, every metric and every log message', () => {
    const names = [METRIC_NAMESPACE, ...Object.keys(METRICS), ...Object.values(LOG_MESSAGES)];

    expect(names.filter((name) => !page('metrics-and-events').includes(`\`${name}\``))).toEqual([]);
  });
});

describe('docs/failure-handling.md', () => {
  it('has every alarm with its severity and its runbook heading', () => {
    const rows = [
      ...page('failure-handling').matchAll(/^\| \[(\w+)\]\((\S+)\) \|.*\| (page|warning)[^|]*\|$/gm),
    ];

    expect(Object.fromEntries(rows.map(([, name, , severity]) => [name, severity]))).toEqual(ALARMS);
    for (const [, name = '', link] of rows) expect(link).toBe(`runbook.md#${name.toLowerCase()}`);
  });
});

function page(name: string): string {
  return readFileSync(join(ROOT, `docs/${name}.md`), 'utf8');
}

/** The names of all properties in a JSON schema, at any depth. */
function keysOf(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const own =
    'properties' in schema && typeof schema.properties === 'object'
      ? Object.keys(schema.properties ?? {})
      : [];
  return [...new Set([...own, ...Object.values(schema).flatMap(keysOf)])];
}
