import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pageBudgets } from './page-budget';
import { templateOf } from './synthesise';

const ROOT = join(__dirname, '../..');
const RUNBOOK = readFileSync(join(ROOT, 'docs/runbook.md'), 'utf8');

/** The commands of the AWS CLI that the runbook may use, with their options. */
const AWS_COMMANDS: Readonly<Record<string, readonly string[]>> = {
  'cloudformation describe-stacks': ['stack-name'],
  'ecr get-login-password': [],
  'events describe-rule': ['name'],
  'events enable-rule': ['name'],
  'lambda get-policy': ['function-name'],
  'lambda invoke': ['function-name', 'cli-binary-format', 'cli-read-timeout', 'payload'],
  'logs filter-log-events': ['log-group-name', 'start-time', 'filter-pattern'],
  'secretsmanager create-secret': ['name', 'secret-string'],
  'secretsmanager describe-secret': ['secret-id'],
  'secretsmanager put-secret-value': ['secret-id', 'secret-string'],
  'sqs purge-queue': ['queue-url'],
  'sqs receive-message': ['queue-url', 'visibility-timeout', 'message-attribute-names'],
};
const COMMON_OPTIONS = ['output', 'query'];

describe('docs/runbook.md', () => {
  const template = templateOf();
  const sections = sectionsOf(RUNBOOK);
  const commands = commandsOf(RUNBOOK);

  it('has a heading for every alarm, at the address that the alarm links to', () => {
    const linked = Object.values(template.findResources('AWS::CloudWatch::Alarm')).map(
      ({ Properties }) => /Runbook: docs\/runbook\.md#(\S+)/.exec(Properties.AlarmDescription)?.[1],
    );

    expect(linked).toHaveLength(8);
    expect([...sections.keys()]).toEqual(expect.arrayContaining(linked));
  });

  it('says under every alarm what it means, how much time you have, where to look, how to fix it and how to check', () => {
    for (const { Properties } of Object.values(template.findResources('AWS::CloudWatch::Alarm'))) {
      const section = sections.get(Properties.AlarmName.replace(/^.*-/, '').toLowerCase());
      for (const part of [
        'What it means',
        'How much time you have',
        'Where to look',
        'How to fix it',
        'How to check',
      ]) {
        expect(section).toContain(`**${part}.**`);
      }
    }
  });

  it('promises no more time than the page budget leaves', () => {
    const promised = [...sections].flatMap(([heading, text]) => {
      const [, hours, minutes = 0] =
        /\*\*How much time you have\.\*\* At least (\d+) hours(?: and (\d+) minutes)?/.exec(text) ?? [];
      return hours === undefined ? [] : [{ heading, minutes: 60 * Number(hours) + Number(minutes) }];
    });

    expect(promised.map(({ heading }) => heading)).toEqual([
      'refreshsilent',
      'refreshfailing',
      'operatoractionneeded',
      'schedulebroken',
    ]);
    const budgets = pageBudgets(template.toJSON());
    for (const { heading, minutes } of promised) {
      const left = budgets
        .filter(({ alarm }) => alarm.toLowerCase() === heading)
        .map(({ leftMin }) => leftMin);
      expect(minutes).toBeLessThanOrEqual(Math.min(...left));
    }
  });

  it('asks the stack only for what it tells, and for all of it', () => {
    const asked = new Set([...RUNBOOK.matchAll(/\boutput ([A-Z]\w+)/g)].map(([, name]) => name));

    expect([...asked].sort()).toEqual(Object.keys(template.findOutputs('*')).sort());
  });

  it('names only commands and options of the AWS CLI that exist', () => {
    expect(commands.length).toBeGreaterThan(15);
    for (const { name, options } of commands) {
      expect(Object.keys(AWS_COMMANDS)).toContain(name);
      expect([...(AWS_COMMANDS[name] ?? []), ...COMMON_OPTIONS]).toEqual(expect.arrayContaining(options));
    }
    expect(new Set(commands.map(({ name }) => name))).toEqual(new Set(Object.keys(AWS_COMMANDS)));
  });

  it('looks in the log for what the function writes', () => {
    const written = readFileSync(join(ROOT, 'lambda/refresh-credentials/telemetry.ts'), 'utf8');
    const messages = [...RUNBOOK.matchAll(/\$\.message = "([^"]+)"/g)].map(([, message]) => message);

    expect(messages.length).toBeGreaterThan(3);
    for (const message of messages) expect(written).toContain(`'${message}'`);
  });

  it('says how to fix every reason for which a person must act', () => {
    const errors = readFileSync(join(ROOT, 'lambda/core/errors.ts'), 'utf8');
    const [, union = ''] = /type OperatorReason =([^;]+);/.exec(errors) ?? [];
    const reasons = [...union.matchAll(/'([a-z-]+)'/g)].map(([, reason]) => reason);

    const told = [...(sections.get('operatoractionneeded') ?? '').matchAll(/^\| `([a-z-]+)` \|/gm)];
    expect(reasons.length).toBeGreaterThan(5);
    expect(told.map(([, reason]) => reason).sort()).toEqual(reasons.sort());
  });

  it('names only settings that the configuration has', () => {
    const schema = readFileSync(join(ROOT, 'refresher.schema.json'), 'utf8');
    const settings = [
      ...RUNBOOK.matchAll(/`((?:runpod|alarms)\.\w+|firstRefresh|registryAuthName|verifyImage)`/g),
    ];

    expect(settings.length).toBeGreaterThan(4);
    for (const [, setting = ''] of settings) expect(schema).toContain(`"${setting.replace(/^.*\./, '')}"`);
  });

  it('links only to headings that it has', () => {
    const links = [...RUNBOOK.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor);

    expect([...sections.keys()]).toEqual(expect.arrayContaining(links));
  });
});

/** The text under every heading, by the heading's anchor. */
function sectionsOf(markdown: string): Map<string, string> {
  return new Map(
    markdown.split(/^## /m).map((section) => {
      const [heading = '', ...text] = section.split('\n');
      return [heading.toLowerCase().replaceAll(' ', '-'), text.join('\n')];
    }),
  );
}

/** The AWS CLI's commands in a text, with their long options, wherever in a line or a sentence they stand. */
function commandsOf(markdown: string): { name: string; options: string[] }[] {
  const joined = markdown.replace(/\\\n\s*/g, ' ');
  return [...joined.matchAll(/\baws ([a-z]+) ([a-z-]+)([^\n`]*)/g)].map(
    ([, service, operation, rest = '']) => ({
      name: `${service} ${operation}`,
      options: [...(rest.split(/\s\|\s|;/)[0]?.matchAll(/\s--([a-z-]+)/g) ?? [])].map(
        ([, option = '']) => option,
      ),
    }),
  );
}
