import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(__dirname, '../..');
const EXAMPLE = { CDK_CONTEXT_JSON: JSON.stringify({ config: 'refresher.config.example.json' }) };

/** The result of a process. */
interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The environment of the synthesised stack; undefined when nothing was synthesised. */
  readonly environment: string | undefined;
}

describe('bin/app.ts', () => {
  let directory: string;
  let badFile: string;
  let runs: { unknownAccount: Run; knownAccount: Run; bad: Run };

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'app-'));
    badFile = join(directory, 'bad.json');
    writeFileSync(
      badFile,
      '{"targets": [{"name": "prod", "registry": {"type": "ecr", "region": "mars", "repositories": ["worker"]}}]}',
    );
    // CloudFormation's own rules take three seconds to load. The first run has them, this one does not.
    const account = {
      CDK_DEFAULT_ACCOUNT: '123456789012',
      CDK_DEFAULT_REGION: 'eu-west-1',
      CDK_VALIDATION: 'false',
    };
    const [unknownAccount, knownAccount, bad] = await Promise.all([
      runApp(join(directory, 'unknownAccount'), EXAMPLE),
      runApp(join(directory, 'knownAccount'), { ...EXAMPLE, ...account }),
      runApp(join(directory, 'bad'), { CDK_CONTEXT_JSON: JSON.stringify({ config: badFile }) }),
    ]);
    runs = { unknownAccount, knownAccount, bad };
  }, 120_000);

  afterAll(() => {
    rmSync(directory, { recursive: true });
  });

  it('synthesises the example without an environment when no account is known, and prints nothing', () => {
    expect(runs.unknownAccount).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
      environment: 'aws://unknown-account/unknown-region',
    });
  });

  it('synthesises for the account and region that the CDK CLI found', () => {
    expect(runs.knownAccount.environment).toBe('aws://123456789012/eu-west-1');
  });

  it('prints one message for an invalid configuration, and writes no stack trace and no assembly', () => {
    expect(runs.bad).toEqual({
      code: 1,
      stdout: '',
      stderr: `${badFile} has 2 mistakes:
  targets[0]: expected either registryAuthId or registryAuthName; found neither
  targets[0].registry.region: expected an AWS region, such as us-east-1; found "mars"
Every key is described in refresher.schema.json.
`,
      environment: undefined,
    });
  });
});

function runApp(outdir: string, env: Record<string, string>): Promise<Run> {
  const args = ['--import', 'tsx', 'bin/app.ts'];
  const options = { cwd: ROOT, env: { PATH: process.env.PATH, CDK_OUTDIR: outdir, ...env } };
  return new Promise((resolve) => {
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      const code = typeof error?.code === 'number' ? error.code : 0;
      resolve({ code, stdout, stderr, environment: environmentIn(outdir) });
    });
  });
}

function environmentIn(outdir: string): string | undefined {
  const file = join(outdir, 'manifest.json');
  if (!existsSync(file)) return undefined;
  return JSON.parse(readFileSync(file, 'utf8')).artifacts.EcrCredentialRefresher.environment;
}
