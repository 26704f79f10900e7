import { readFileSync } from 'node:fs';
import { isPlain } from '../../cli/plain';
import { CommandWorld } from './command-world';
import { atTerminal } from './terminal';

describe('isPlain', () => {
  it.each<[boolean, string, Record<string, string>, NodeJS.Platform]>([
    [true, 'when it is wanted', { RUNPOD_ECR_PLAIN: '1', LANG: 'en_US.UTF-8' }, 'linux'],
    [true, 'on a dumb terminal', { TERM: 'dumb' }, 'linux'],
    [true, 'in a locale without Unicode', { LANG: 'de_DE.ISO-8859-1' }, 'linux'],
    [true, 'where LC_ALL overrides the language', { LANG: 'en_US.UTF-8', LC_ALL: 'C' }, 'linux'],
    [false, 'in a locale with UTF-8', { LANG: 'C.UTF-8' }, 'linux'],
    [false, 'in a container that sets no locale', {}, 'linux'],
    [true, 'in the old console of Windows', {}, 'win32'],
    [false, 'in Windows Terminal', { WT_SESSION: 'id' }, 'win32'],
    [false, 'in the terminal of an editor on Windows', { TERM_PROGRAM: 'vscode' }, 'win32'],
  ])('is %s %s', (expected, _, env, platform) => {
    expect(isPlain({ env, isTTY: true, platform })).toBe(expected);
  });

  it('is false for a pipe, unless it is wanted', () => {
    expect(isPlain({ env: { TERM: 'dumb', LC_ALL: 'C' }, isTTY: false })).toBe(false);
    expect(isPlain({ env: { RUNPOD_ECR_PLAIN: '1' }, isTTY: false })).toBe(true);
  });
});

describe('--plain', () => {
  let world: CommandWorld;
  const BEYOND_ASCII = /[^\n\r\t -~]/;

  beforeAll(async () => {
    world = await CommandWorld.start();
    await world.settle();
    world.alarm('RefreshSilent').state = 'ALARM';
  }, 60_000);

  afterAll(async () => {
    const leaks = world.leaks();
    await world.stop();
    expect(leaks).toEqual([]);
  });

  it.each([
    [['doctor'], /^broken: Queues and alarms: firing: RefreshSilent .*\n {2}fix: npx runpod-ecr refresh/m],
    [['status'], /^Target: prod\nRegistry auth: \w+\nRegistry: ecr\n/],
    [['usage'], /^Target: prod\nUsed by: endpoint\nName: images\nImage: /],
    [['refresh', '--dry-run'], /^ok: prod {2}over rest-v2, proved/m],
    [['deploy', 'e1', '--image', 'my-worker:1.0.0', '--dry-run'], /^ {10}to 127\.0\.0\.1:/m],
    [['check-runpod'], /^API: rest-v2\nList: yes\n/m],
  ])('%j writes words and lists, in ASCII', async (words, expected) => {
    const { stdout, stderr } = await world.run([...words, '--plain']);

    expect(stdout).toMatch(expected);
    expect(`${stdout}${stderr}`).not.toMatch(BEYOND_ASCII);
  });

  it.each<[string, readonly string[], Record<string, string>]>([
    ['the option', ['--plain'], {}],
    ['a dumb terminal', [], { TERM: 'dumb' }],
    ['a locale without Unicode', [], { LC_ALL: 'C' }],
  ])('shows no colour and no spinner on a terminal because of %s', async (_, flags, env) => {
    const { raw } = await atTerminal(world, ['doctor', ...flags], [], { env });

    expect(raw).toMatch(/^ok: Node\.js: /);
    expect(raw).not.toMatch(BEYOND_ASCII);
  });
});

describe('init --plain', () => {
  let world: CommandWorld;

  beforeEach(async () => {
    world = await CommandWorld.start();
    world.cloud.registry.addImage('my-worker', '1.0.0');
    world.cloud.registry.addImage('team/batch', '2.0.0');
  });

  afterEach(async () => {
    const leaks = world.leaks();
    await world.stop();
    expect(leaks).toEqual([]);
  });

  /** Arguments with the addresses of the embedded Runpod. */
  function args(...flags: string[]): string[] {
    const { restV2Url, restV1Url, graphqlUrl } = world.cloud.runpod.settings();
    const urls = ['--rest-v2-url', restV2Url, '--rest-v1-url', restV1Url, '--graphql-url', graphqlUrl];
    return ['init', '--plain', ...flags, ...urls];
  }

  it('asks one line for each question, and takes words and numbers', async () => {
    world.user.create({ name: 'ecr-old', username: 'AWS', password: 'x' });

    const flags = args('--email', 'oncall@example.com', '--no-deploy');
    const { code, raw } = await atTerminal(world, flags, [
      ['(it is not shown): ', `${world.key}\r`],
      ['Type numbers from 1 to 3, with commas between: ', '7\r'],
      ['This is not numbers from 1 to 3', '2\r'],
      ['Type a number from 1 to', '1\r'],
      ['Type a number from 1 to 3', '1\r'],
      ['Write ', ''],
      ['Type a number from 1 to 2', '1\r'],
    ]);

    expect(code).toBe(0);
    expect(raw).not.toMatch(/[^\n\r\t -~]/);
    expect(raw).not.toContain(world.key);
    expect(JSON.parse(readFileSync(world.configPath, 'utf8'))).toMatchObject({
      targets: [{ registry: { repositories: ['team/batch'] } }],
    });
  });

  it('asks which commands to run by their numbers, and takes none', async () => {
    const flags = args('--repository', 'my-worker', '--auth-name', 'ecr-prod', '--no-image', '--yes');
    const { code, raw, stdout } = await atTerminal(
      world,
      [...flags, '--email', 'oncall@example.com'],
      [
        ['(it is not shown): ', `${world.key}\r`],
        ['with commas between, or 0 for none [1, 2, 3]: ', '1, 9\r'],
        ['These are not numbers', '0\r'],
      ],
    );

    expect(code).toBe(0);
    expect(raw).not.toMatch(/[^\n\r\t -~]/);
    expect(stdout).toMatch(/Next.*:\n {2}npx cdk bootstrap/);
  });

  it.each([
    ['Ctrl-C', 'Paste a Runpod API key', '\u0003'],
    ['the end of the input', 'Paste a Runpod API key', '\u0004'],
  ])('ends with 130 at %s', async (_, question, keys) => {
    const { code, stdout } = await atTerminal(world, args(), [[question, keys]]);

    expect(code).toBe(130);
    expect(stdout).toContain('Cancelled. Nothing was stored or written.');
  });
});
