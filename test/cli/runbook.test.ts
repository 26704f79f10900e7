import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEMO_TIMEOUT_MS, DemoProcesses } from './demo-process';

const RUNBOOK = readFileSync(join(__dirname, '../../docs/runbook.md'), 'utf8');

const demos = new DemoProcesses();

afterEach(() => expect(demos.remains()).toEqual([]));

afterAll(() => demos.remove());

/** What is broken before the walk. The commands of the runbook fix all of it. */
const BREAKS = ['key', 'schedule', 'queue'];

/** Ids that the runbook cannot know. */
const VALUES: readonly (readonly [written: string, value: string])[] = [
  ['clx0000000000000000000000', 'clzdaifot0001l90809257ynb'],
];

/** The key that a person would type. */
const TYPED_KEY = 'new-runpod-key.txt';

/** Commands that a demo cannot run: they need another commit, or a terminal for the answers. */
const NOT_RUN = ['npm ci', 'npm ci && npx cdk deploy', 'npx runpod-ecr init --store-key --replace-key'];

/** What each command shows, by a part of the command. The first part that matches counts. */
const SHOWN: readonly (readonly [part: string, shown: RegExp])[] = [
  ['npx runpod-ecr doctor --stack', /^The first problem is: /m],
  ['npx runpod-ecr status', /last run/i],
  ['npx runpod-ecr doctor', /✓ Watch of the pulls/],
  ['export AWS_REGION=us-east-1\nSTACK=', /^$/],
  ['"target failed"', /"message":"target failed".*"reason":"api-key-refused"/],
  ['output DashboardUrl', /^https:\/\/us-east-1\.console\.aws\.amazon\.com\/cloudwatch\/home\?region=/],
  ['output RetryQueueUrl', /^http\S+RetryQueue\w+$/],
  ['describe-alarm-history', /^$/],
  ['describe-rule', /"DISABLED",\s+"rate\(6 hours\)"[\s\S]*"message":"run finished"/],
  ['enable-rule', /The rule is enabled/],
  ['DeadLetterQueueUrl)" --visibility', /"requestPayload".*"errorMessage"/],
  ['UndeliveredQueueUrl)" --visibility', /"Principal[\s\S]*events\.amazonaws\.com/],
  ['purge-queue', /The queue is empty/],
  ['"target refreshed" &&', /^$/],
  ['"target refreshed"', /"message":"target refreshed".*"expiresAt":/],
  ['"pull problem"', /^$/],
  ['"watch finished"', /"message":"watch finished"/],
  ['"run finished" &&', /^$/],
  ['output WatchFunctionName', /"findings":\[\]/],
  ['output FunctionName', /"errorMessage":"2 of 2 targets failed\. |"refreshed":\[/],
  ['put-secret-value', /"VersionStages"/],
  ['describe-secret', /^\[\s+\d+[\s\S]*"AWSCURRENT"/],
  ['npx cdk deploy', /The stack is deployed/],
  ['AUTH_ID=', /"id":"clzdaifot0001l90809257ynb"/],
  ['MUTATION=', /"updateRegistryAuth":\{"id":"clzdaifot0001l90809257ynb"/],
];

/** The sections with commands to which other sections link. */
const FOLLOWED = ['refresh-by-hand-now', 'rotate-the-runpod-key'];

/**
 * Returns the commands in the order in which a person walks through the runbook: those in blocks, those in sentences, and
 * those of a section that a link leads to. Each command is run once, and those behind a link once a section.
 */
function walk(markdown: string): string[] {
  const followed = FOLLOWED.map((anchor) => blockUnder(markdown, anchor));
  const steps = markdown
    .split(/^(?=## )/m)
    .flatMap((section) => [...new Set(commandsOf(section, (anchor) => blockUnder(markdown, anchor)))]);
  return steps.filter((step, index) => followed.includes(step) || steps.indexOf(step) === index);
}

function commandsOf(section: string, follow: (anchor: string) => string): string[] {
  const block = /^```sh\n([\s\S]*?)\n```$/gm;
  const alone = /`((?:aws|npx|npm|output) [^`\n]+)`/g;
  const link = new RegExp(`\\]\\(#(${FOLLOWED.join('|')})\\)`, 'g');
  const found = [
    ...[...section.matchAll(block)].map(({ index, 1: command = '' }) => ({ index, command })),
    ...[...section.matchAll(alone)].map(({ index, 1: command = '' }) => ({ index, command })),
    ...[...section.matchAll(link)].map(({ index, 1: anchor = '' }) => ({ index, command: follow(anchor) })),
  ];
  return found
    .sort((one, other) => one.index - other.index)
    .map(({ command }) => command)
    .filter((command) => !NOT_RUN.includes(command) && !COMMAND_NAMES.test(command));
}

/** Returns the first block of commands under a heading. */
function blockUnder(markdown: string, anchor: string): string {
  const section = markdown
    .split(/^## /m)
    .find((text) => text.split('\n')[0]?.toLowerCase().replaceAll(' ', '-') === anchor);
  return /^```sh\n([\s\S]*?)\n```$/m.exec(section ?? '')?.[1] ?? '';
}

/** A sentence about a command, such as "replace `put-secret-value …`", names no whole command. */
const COMMAND_NAMES = /^aws secretsmanager create-secret --name \S+$/;

/** Writes a Bash script that runs the commands and prints after each one its exit code. */
function scriptOf(commands: readonly string[]): string {
  const filledIn = commands.map((command) =>
    VALUES.reduce((text, [written, value]) => text.replaceAll(written, value), command),
  );
  const steps = filledIn.map(
    (command, index) =>
      `printf '\\n#### %s\\n' ${index}\n{ ${command}\n} < ${TYPED_KEY} 2>&1\nprintf '\\n#### exit %s\\n' $?`,
  );
  return ['set -o pipefail', ...steps, ''].join('\n');
}

describe('docs/runbook.md in a demo', () => {
  const commands = walk(RUNBOOK);
  const results: { shown: string; exitCode: number }[] = [];
  let last = '';

  beforeAll(async () => {
    const script = join(demos.directory, 'runbook.sh');
    writeFileSync(script, scriptOf(commands));
    const lines = [
      ...BREAKS.map((name) => `demo break ${name} > /dev/null`),
      `bash ${script}`,
      'npx runpod-ecr doctor',
    ];
    const { stdout, stderr } = await demos.run(['demo'], { stdin: `${lines.join('\n')}\n` });
    expect(stderr).toBe('');
    for (const [, shown = '', code] of stdout.matchAll(/^#### \d+\n([\s\S]*?)\n?^#### exit (\d+)$/gm)) {
      results.push({ shown: shown.trim(), exitCode: Number(code) });
    }
    last = stdout;
  }, 4 * DEMO_TIMEOUT_MS);

  it('has commands', () => {
    expect(commands.length).toBeGreaterThan(30);
    expect(results).toHaveLength(commands.length);
  });

  it.each(
    commands.map(
      (command, index) => [index + 1, command.replace(/\s+/g, ' ').slice(0, 100), command] as const,
    ),
  )('step %i shows what the runbook says: %s', (step, _, command) => {
    const isBroken = step <= commands.findIndex((one) => one.includes('put-secret-value'));
    const exitCode = isBroken && /npx runpod-ecr (doctor|status)/.test(command) ? 1 : 0;
    const [, shown] = SHOWN.find(([part]) => command.includes(part)) ?? [];

    expect(results[step - 1]).toEqual({
      shown: expect.stringMatching(shown ?? /^no expectation$/),
      exitCode,
    });
  });

  it('has fixed everything at its end', () => {
    expect(last).toMatch(/All \d+ checks passed\./);
  });
});
