import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packed } from './packed';
import { PYTHON, ROOT, run } from './run-program';
import { Assembly, type PeerVersions, UserFolder } from './user-app';

/** The versions of the CDK's Python packages. The apps in TypeScript take the same. */
const REQUIREMENTS = readFileSync(join(__dirname, 'requirements.txt'), 'utf8');

/** Kept from one run to the next, because the CDK has 400 MB. */
const VENV = join(__dirname, '.venv');
const PYTHON_OF_VENV = join(VENV, 'bin/python');

describe('the Python package', () => {
  const folder = new UserFolder();
  const directory = mkdtempSync(join(tmpdir(), 'python-'));

  beforeAll(() => {
    folder.installWithNpm(peersOfPython());
    installCdk();
    pip('install', '--force-reinstall', '--no-deps', makeWheel(folder, directory));
  });

  afterAll(() => {
    folder.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  it('synthesises the same templates as the same app in TypeScript', () => {
    folder.transpile('commonjs');
    const expected = folder.synthesise('commonjs');
    const config = folder.path('commonjs/refresher.config.json');
    const outdir = join(directory, 'everything');

    run(PYTHON_OF_VENV, [join(__dirname, 'apps/everything.py'), outdir, config], directory);

    const made = new Assembly(outdir);
    for (const stack of ['Everything', 'EcrCredentialRefresher']) {
      expect(made.template(stack)).toEqual(expected.template(stack));
    }
  });

  it('synthesises examples/python to the template of examples/typescript', () => {
    folder.add(join(ROOT, 'examples/typescript'), 'example');
    cpSync(join(ROOT, 'examples/python'), join(directory, 'example'), { recursive: true });
    const [typescript, python] = [folder.path('example'), join(directory, 'example')];
    const env = { CDK_OUTDIR: 'cdk.out' };

    run(process.execPath, [join(ROOT, 'node_modules/tsx/dist/cli.mjs'), 'bin/app.ts'], typescript, env);
    run(PYTHON_OF_VENV, ['app.py'], python, env);

    const [expected, made] = [typescript, python].map((app) => new Assembly(join(app, 'cdk.out')));
    expect(made?.template('RunpodPulls')).toEqual(expected?.template('RunpodPulls'));
  });

  it('stops an app with the message that TypeScript gets', () => {
    const config = join(directory, 'bad.json');
    writeFileSync(config, JSON.stringify({ targets: [] }));
    const app = join(__dirname, 'apps/everything.py');

    expect(() => run(PYTHON_OF_VENV, [app, join(directory, 'bad'), config], directory)).toThrow(
      /bad\.json has \d+ mistakes?/,
    );
  });
});

function peersOfPython(): PeerVersions {
  const versionOf = (name: string) => RegExp(`^${name}==(.+)$`, 'm').exec(REQUIREMENTS)?.[1] ?? '';
  return { 'aws-cdk-lib': versionOf('aws-cdk-lib'), constructs: versionOf('constructs') };
}

function installCdk(): void {
  const mark = join(VENV, 'requirements.txt');
  if (existsSync(mark) && readFileSync(mark, 'utf8') === REQUIREMENTS) return;
  run(PYTHON, ['-m', 'venv', '--clear', VENV], ROOT);
  pip('install', '-r', join(__dirname, 'requirements.txt'));
  writeFileSync(mark, REQUIREMENTS);
}

function pip(...args: readonly string[]): void {
  run(PYTHON_OF_VENV, ['-m', 'pip', '--quiet', '--disable-pip-version-check', ...args], ROOT);
}

/** Makes a wheel of the tarball. @returns its path */
function makeWheel(folder: UserFolder, directory: string): string {
  const copy = join(directory, 'package');
  cpSync(packed().folder, copy, { recursive: true });
  // jsii-pacmak reads the descriptions of the peers.
  mkdirSync(join(copy, 'node_modules'));
  for (const peer of Object.keys(peersOfPython())) {
    symlinkSync(folder.path('node_modules', peer), join(copy, 'node_modules', peer));
  }
  const outdir = join(directory, 'wheel');
  const pacmak = join(ROOT, 'node_modules/jsii-pacmak/bin/jsii-pacmak');
  // It packs the copy with npm, whose scripts would build the package again.
  run(process.execPath, [pacmak, '--no-npmignore', '--targets', 'python', '--outdir', outdir], copy, {
    npm_config_ignore_scripts: 'true',
  });
  const wheel = readdirSync(join(outdir, 'python')).find((file) => file.endsWith('.whl'));
  if (wheel === undefined) throw new Error('jsii-pacmak made no wheel');
  return join(outdir, 'python', wheel);
}
