import { join } from 'node:path';
import { ROOT, run } from './run-program';
import { itServesApps, resourcesOf } from './template-checks';
import { Assembly, ourPeers, UserFolder } from './user-app';

describe('the package installed by pnpm', () => {
  const folder = new UserFolder();

  beforeAll(() => folder.installWithPnpm(ourPeers()));

  afterAll(() => folder.remove());

  itServesApps(() => folder);

  it('serves examples/typescript, which passes its own type check', () => {
    folder.add(join(ROOT, 'examples/typescript'), 'example');
    const example = folder.path('example');

    run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', '.', ...NODE_TYPES], example);
    run(process.execPath, [join(ROOT, 'node_modules/tsx/dist/cli.mjs'), 'bin/app.ts'], example, {
      CDK_OUTDIR: 'cdk.out',
    });

    const template = new Assembly(join(example, 'cdk.out')).template('RunpodPulls');
    expect(resourcesOf(template, 'AWS::Events::Rule')).toContainEqual(
      expect.objectContaining({
        Properties: expect.objectContaining({ ScheduleExpression: 'rate(6 hours)' }),
      }),
    );
  });
});

/** The example installs these types itself; the test takes the project's. */
const NODE_TYPES = ['--types', 'node', '--typeRoots', join(ROOT, 'node_modules/@types')];
