import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Target } from '../../lambda/core/model';
import { toSettings } from '../../lib/config/settings';
import { folderFor } from '../../lib/function-bundles';
import { writeRefresher } from '../../lib/function-code';
import { config, type Json, manyTargets } from './config/builder';

describe('writeRefresher', () => {
  let directory: string;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'function-'));
  });

  afterAll(() => {
    rmSync(directory, { recursive: true });
  });

  it('writes one module, its source map and the settings', () => {
    const out = join(directory, 'function');
    const settings = toSettings(config());

    writeRefresher(out, settings.targets, settings);

    expect(readdirSync(out).sort()).toEqual(['index.mjs', 'index.mjs.map', 'refresher.json']);
    expect(JSON.parse(readFileSync(join(out, 'refresher.json'), 'utf8'))).toEqual(settings);
  });

  it('writes settings with 1,000 targets', () => {
    const out = join(directory, 'many');
    const settings = toSettings(config({ targets: manyTargets(1000) }));

    writeRefresher(out, settings.targets, settings);

    const { targets } = JSON.parse(readFileSync(join(out, 'refresher.json'), 'utf8'));
    expect(targets).toHaveLength(1000);
  });
});

describe('folderFor', () => {
  it.each<[string, Json[], string]>([
    ['ECR', [{ type: 'ecr', repositories: ['worker'] }], 'ecr'],
    [
      'ECR with a role',
      [{ type: 'ecr', repositories: ['worker'], roleArn: 'arn:aws:iam::210987654321:role/pull' }],
      'ecr+sts',
    ],
    ['ECR Public', [{ type: 'ecr-public' }], 'ecr-public'],
    ['a stored login', [{ type: 'ghcr', credentialSecretName: 's' }], 'none'],
    [
      'two types of registry',
      [{ type: 'ecr-public' }, { type: 'ecr', repositories: ['worker'] }],
      'ecr+ecr-public',
    ],
  ])('returns the bundle with only the clients that are needed for %s', (_, registries, name) => {
    expect(folderFor(targetsOf(registries))).toBe(`refresh-credentials/${name}`);
  });
});

function targetsOf(registries: readonly Json[]): readonly Target[] {
  const targets = registries.map((registry, index) => ({
    name: `t${index}`,
    registryAuthName: `t${index}`,
    registry,
  }));
  return toSettings(config({ targets })).targets;
}
