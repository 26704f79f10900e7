import { CommandWorld, ECR_HOST } from './command-world';
import { atTerminal } from './terminal';

let world: CommandWorld;

beforeAll(async () => {
  world = await CommandWorld.start();
  await world.settle();
  world.user.workloads.templates.push({
    id: 't',
    name: 'base of the images',
    image: `${ECR_HOST}/my-worker:1.0.0`,
    registry: world.authId,
  });
  // A broken link, so that doctor shows a fix and a legend.
  world.alarm('RefreshSilent').state = 'ALARM';
}, 60_000);

afterAll(async () => {
  const leaks = world.leaks();
  await world.stop();
  expect(leaks).toEqual([]);
});

const COMMANDS = [
  ['doctor'],
  ['status'],
  ['usage'],
  ['refresh', '--dry-run'],
  ['deploy', 'e1', '--image', 'my-worker:1.0.0', '--dry-run'],
  ['deploy', '--help'],
  ['help'],
];

/** Whether a line may be too wide: it is a command to type, or one long word with its label in front. */
function isWhole(line: string): boolean {
  const isCommand = /^(Usage: |.*(^|[$→] |: |\s{2})(npx|aws) [a-z])/.test(line);
  const text = line
    .trim()
    .replace(/^[✓!✗·→] /, '')
    .replace(/^(\S+:\s|\S[^:]{0,24}?\s{2,})/, '');
  return isCommand || !/\S\s+\S{2}/.test(text);
}

describe.each([40, 60, 80, 200])('in a terminal of %d columns', (columns) => {
  it.each(COMMANDS)('%s %s divides lines between words', async (...words) => {
    const { stdout } = await atTerminal(world, words, [], { columns });

    const lines = stdout.split('\n');
    const tooWide = lines.filter((line) => line.length > columns && !isWhole(line));
    expect(tooWide).toEqual([]);
    expect(lines.length).toBeGreaterThan(1);
  });
});
