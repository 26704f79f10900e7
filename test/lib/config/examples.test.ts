import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { readConfigFile } from '../../../lib/config/load';
import { registry } from '../../../lib/config/registries';
import { toSettings } from '../../../lib/config/settings';
import { stackOf } from '../synthesise';

const ROOT = join(__dirname, '../../..');
const TYPES = registry.options.map(({ shape }) => shape.type.value).sort();

describe('refresher.config.all-registries.example.json', () => {
  const example = readConfigFile(join(ROOT, 'refresher.config.all-registries.example.json'));

  it('has a target for every type of registry', () => {
    expect([...new Set(example.targets.map((target) => target.registry.type))].sort()).toEqual(TYPES);
  });

  it('synthesises', () => {
    const template = Template.fromStack(stackOf(example, { account: '123456789012', region: 'us-east-1' }));

    template.hasResourceProperties('AWS::Events::Rule', { ScheduleExpression: 'rate(6 hours)' });
  });

  it('uses the public addresses of the registries', () => {
    const addresses = toSettings(example).targets.flatMap((target) =>
      'url' in target.registry ? [target.registry.url] : [],
    );

    expect(addresses).toEqual([
      'https://public.ecr.aws',
      'https://registry-1.docker.io',
      'https://ghcr.io',
      'https://us-central1-docker.pkg.dev',
      'https://registry.example.com:5000',
    ]);
  });
});
