import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { built } from '../support/built-once';
import { programIn } from '../support/bundled-programs';

const ROOT = join(__dirname, '../..');

/** The script of `npm start`. */
const SCRIPT = [join(ROOT, 'node_modules/tsx/dist/cli.mjs'), join(ROOT, 'cli/start.ts')];
/** The same sources in one file: it starts in a third of the time. */
const BUNDLED_SCRIPT = [programIn(built('programs'), 'start')];

/** Runs a script with arguments, in another directory. */
function start(
  args: string[],
  script = BUNDLED_SCRIPT,
): { code: number | null; stdout: string; stderr: string } {
  const options = { cwd: directory, encoding: 'utf8', timeout: 60_000 } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [...script, ...args], options);
  return { code: status, stdout, stderr };
}

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'start-'));
});

afterAll(() => rmSync(directory, { recursive: true }));

describe('npm start', () => {
  it('refreshes every kind of registry, workers can pull only after it, and the watch finds a tag that is gone', () => {
    const { code, stdout } = start(
      ['--config', join(ROOT, 'refresher.config.all-registries.example.json')],
      SCRIPT,
    );

    expect(code).toBe(0);
    const namesAfter = (mark: string) =>
      stdout.split('\n').flatMap((line) => line.split(mark)[1]?.trim().split(/[: ]/)[0] ?? []);
    const names = ['ecr', 'ecr-other-account', 'ecr-public', 'docker-hub', 'ghcr', 'google', 'self-hosted'];
    expect(namesAfter('✗')).toEqual(names);
    expect(namesAfter('refreshed  ')).toEqual(names);
    expect(namesAfter('✓')).toEqual(names);
    expect(stdout).not.toContain('not proved');
    expect(stdout).toContain('7 endpoints: every image can be pulled, and no log tells of a failed pull');
    expect(stdout).toMatch(/watch +endpoint ep-ecr, \S+\/my-worker:1\.4\.2: the registry has no such tag/);
    expect(stdout.match(/has no such tag/g)).toHaveLength(1);
  }, 60_000);

  it('shows no look of the watch when the stack has none', () => {
    const registry = { type: 'ecr', repositories: ['worker'] };
    const config = {
      targets: [{ name: 'prod', registryAuthId: 'a1', registry }],
      pullWatch: { mode: 'off' },
    };
    writeFileSync(join(directory, 'unwatched.json'), JSON.stringify(config));

    const { code, stdout } = start(['-c', 'unwatched.json']);

    expect(stdout).toContain('Every worker pulls again.');
    expect(stdout).not.toContain('watch');
    expect(code).toBe(0);
  }, 60_000);

  it('exits with 1 when a worker cannot pull at the end', () => {
    const registry = { type: 'ecr', repositories: ['worker'] };
    const targets = [{ name: 'prod', registryAuthId: 'a1', registry }];
    // REST v1 has no documented update, so its stand-in cannot update.
    const delegations = [{ repository: 'worker' }];
    const config = { targets, delegations, runpod: { api: 'rest-v1' } };
    writeFileSync(join(directory, 'forced.json'), JSON.stringify(config));

    const { code, stdout } = start(['-c', 'forced.json']);

    expect(stdout).toContain('A worker still cannot pull.');
    expect(stdout).toMatch(/failed .*RefreshFailedError: 1 of 1 targets failed/);
    expect(code).toBe(1);
  }, 60_000);

  it('prints its usage, and exits with 2 for an unknown option', () => {
    expect(start(['--help'])).toMatchObject({ code: 0, stdout: expect.stringContaining('--config PATH') });
    expect(start(['--hepl'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^Unknown option '--hepl'[\s\S]*Usage: npm start/),
    });
  });

  it('prints one line when the configuration file does not exist', () => {
    expect(start(['-c', 'nope.json'])).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'nope.json does not exist. Check the path that was given. To write a new file: npx runpod-ecr init --config nope.json\n',
    });
  });
});
