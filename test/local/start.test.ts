import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(__dirname, '../..');

/** Runs `npm start` with arguments, as a person does, from another directory. */
function start(...args: string[]): { code: number | null; stdout: string; stderr: string } {
  const options = { cwd: directory, encoding: 'utf8', timeout: 60_000 } as const;
  const script = [join(ROOT, 'node_modules/tsx/dist/cli.mjs'), join(ROOT, 'cli/start.ts'), ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, script, options);
  return { code: status, stdout, stderr };
}

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'start-'));
});

afterAll(() => rmSync(directory, { recursive: true }));

describe('npm start', () => {
  it('refreshes every kind of registry, and every worker can pull after it and none before', () => {
    const { code, stdout } = start('--config', join(ROOT, 'refresher.config.all-registries.example.json'));

    expect(code).toBe(0);
    const told = (mark: string) =>
      stdout.split('\n').flatMap((line) => line.split(mark)[1]?.trim().split(/[: ]/)[0] ?? []);
    const names = ['ecr', 'ecr-other-account', 'ecr-public', 'docker-hub', 'ghcr', 'google', 'self-hosted'];
    expect(told('✗')).toEqual(names);
    expect(told('refreshed  ')).toEqual(names);
    expect(told('✓')).toEqual(names);
    expect(stdout).not.toContain('not proved');
  }, 60_000);

  it('fails where a worker cannot pull in the end', () => {
    const registry = { type: 'ecr', repositories: ['worker'] };
    const targets = [{ name: 'prod', registryAuthId: 'a1', registry }];
    // Nobody outside Runpod knows whether this API can update, so its stand-in cannot.
    const delegations = [{ repository: 'worker' }];
    const config = { targets, delegations, runpod: { api: 'rest-v1' } };
    writeFileSync(join(directory, 'forced.json'), JSON.stringify(config));

    const { code, stdout } = start('-c', 'forced.json');

    expect(stdout).toContain('A worker still cannot pull.');
    expect(stdout).toMatch(/failed .*RefreshFailedError: 1 of 1 targets failed/);
    expect(code).toBe(1);
  }, 60_000);

  it('says how to use it, and what it does not know', () => {
    expect(start('--help')).toMatchObject({ code: 0, stdout: expect.stringContaining('--config PATH') });
    expect(start('--hepl')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^Unknown option '--hepl'[\s\S]*Usage: npm start/),
    });
  });

  it('says in one line that there is no such configuration', () => {
    expect(start('-c', 'nope.json')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'nope.json does not exist. Check the path that was given.\n',
    });
  });
});
