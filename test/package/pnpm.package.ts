import { readFileSync, writeFileSync } from 'node:fs';
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
    run(process.execPath, TSX_APP, example, SYNTH);

    expect(schedulesIn(example, 'RunpodPulls')).toContain('rate(6 hours)');
  });

  it('serves the construct at the top of the README', () => {
    folder.add(join(ROOT, 'examples/typescript'), 'readme');
    const app = folder.path('readme');
    writeFileSync(join(app, 'bin/app.ts'), readmeApp());

    run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', '.', ...NODE_TYPES], app);
    run(process.execPath, TSX_APP, app, SYNTH);

    expect(schedulesIn(app, 'Readme')).toContain('rate(6 hours)');
  });
});

function schedulesIn(app: string, stack: string): unknown[] {
  const template = new Assembly(join(app, 'cdk.out')).template(stack);
  return resourcesOf(template, 'AWS::Events::Rule').map(({ Properties }) => Properties.ScheduleExpression);
}

/** Returns an app with the first construct of the README. It gets what the README leaves out. */
function readmeApp(): string {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const [, code = ''] = /```ts\n(.*?)```/s.exec(readme) ?? [];
  const [, imports = '', construct = ''] = /^((?:import .*?;\n)+)(.*)$/s.exec(code) ?? [];
  return `
    import { App, Stack } from 'aws-cdk-lib';
    import { Repository } from 'aws-cdk-lib/aws-ecr';
    import { Topic } from 'aws-cdk-lib/aws-sns';
    ${imports}
    class Pulls extends Stack {
      constructor(scope: App) {
        super(scope, 'Readme');
        const repository = new Repository(this, 'Repository');
        const onCall = new Topic(this, 'OnCall');
        ${construct}
      }
    }
    const app = new App();
    new Pulls(app);
    app.synth();
  `;
}

const TSX_APP = [join(ROOT, 'node_modules/tsx/dist/cli.mjs'), 'bin/app.ts'];

/** The CDK checks the template against CloudFormation's schemas. */
const SYNTH = { CDK_OUTDIR: 'cdk.out', CDK_VALIDATION: 'true' };

/** The example installs these types itself; the test takes the project's. */
const NODE_TYPES = ['--types', 'node', '--typeRoots', join(ROOT, 'node_modules/@types')];
