import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { ALARMS, LOG_MESSAGES, OUTPUT_NAMES } from '../../lambda/core/contract';
import { pageBudgets } from './page-budget';
import { bothStacks, templateOf } from './synthesise';
import { textIn } from './template-facts';

const ROOT = join(__dirname, '../..');
const RUNBOOK = readFileSync(join(ROOT, 'docs/runbook.md'), 'utf8');

/** The AWS CLI commands that the runbook may use, with their options. */
const AWS_COMMANDS: Readonly<Record<string, readonly string[]>> = {
  'cloudformation describe-stacks': ['stack-name'],
  'cloudwatch describe-alarm-history': ['alarm-name', 'history-item-type'],
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
  const template = Template.fromStack(bothStacks({ pullWatch: {} }).primary);
  const sections = sectionsOf(RUNBOOK);
  const commands = commandsOf(RUNBOOK);

  it('has the heading that each alarm links to', () => {
    const linked = Object.values(template.findResources('AWS::CloudWatch::Alarm')).map(({ Properties }) =>
      /Runbook: .* \(heading ([A-Za-z]+)\)/.exec(textIn(Properties.AlarmDescription))?.[1]?.toLowerCase(),
    );

    expect(linked.sort()).toEqual(
      Object.keys(ALARMS)
        .map((name) => name.toLowerCase())
        .sort(),
    );
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
    const budgets = pageBudgets(templateOf().toJSON());
    for (const { heading, minutes } of promised) {
      const left = budgets
        .filter(({ alarm }) => alarm.toLowerCase() === heading)
        .map(({ leftMin }) => leftMin);
      expect(minutes).toBeLessThanOrEqual(Math.min(...left));
    }
  });

  it('uses every output of the stack and no others', () => {
    const used = new Set([...RUNBOOK.matchAll(/\boutput ([A-Z]\w+)/g)].map(([, name]) => name));

    expect([...used].sort()).toEqual([...OUTPUT_NAMES].sort());
    expect([...used].sort()).toEqual(Object.keys(template.findOutputs('*')).sort());
  });

  it('uses only AWS CLI commands and options that exist', () => {
    expect(commands.length).toBeGreaterThan(15);
    for (const { name, options } of commands) {
      expect(Object.keys(AWS_COMMANDS)).toContain(name);
      expect([...(AWS_COMMANDS[name] ?? []), ...COMMON_OPTIONS]).toEqual(expect.arrayContaining(options));
    }
    expect(new Set(commands.map(({ name }) => name))).toEqual(new Set(Object.keys(AWS_COMMANDS)));
  });

  it('filters the log only by log messages of the contract', () => {
    const messages = [...RUNBOOK.matchAll(/\$\.message = "([^"]+)"/g)].map(([, message]) => message);

    expect(messages.length).toBeGreaterThan(3);
    expect(Object.values(LOG_MESSAGES)).toEqual(expect.arrayContaining(messages));
  });

  it('says how to fix every reason for which a person must act', () => {
    const errors = readFileSync(join(ROOT, 'lambda/core/errors.ts'), 'utf8');
    const [, union = ''] = /type OperatorReason =([^;]+);/.exec(errors) ?? [];
    const reasons = [...union.matchAll(/'([a-z-]+)'/g)].map(([, reason]) => reason);

    const explained = [...(sections.get('operatoractionneeded') ?? '').matchAll(/^\| `([a-z-]+)` \|/gm)];
    expect(reasons.length).toBeGreaterThan(5);
    expect(explained.map(([, reason]) => reason).sort()).toEqual(reasons.sort());
  });

  it('names only settings of the configuration schema', () => {
    const schema = readFileSync(join(ROOT, 'refresher.schema.json'), 'utf8');
    const settings = [
      ...RUNBOOK.matchAll(/`((?:runpod|alarms)\.\w+|firstRefresh|registryAuthName|verifyImage)`/g),
    ];

    expect(settings.length).toBeGreaterThan(4);
    for (const [, setting = ''] of settings) expect(schema).toContain(`"${setting.replace(/^.*\./, '')}"`);
  });

  it('links only to its own headings', () => {
    const links = [...RUNBOOK.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor);

    expect([...sections.keys()]).toEqual(expect.arrayContaining(links));
  });
});

/** Returns the text under each heading, by the heading's anchor. */
function sectionsOf(markdown: string): Map<string, string> {
  return new Map(
    markdown.split(/^## /m).map((section) => {
      const [heading = '', ...text] = section.split('\n');
      return [heading.toLowerCase().replaceAll(' ', '-'), text.join('\n')];
    }),
  );
}

/** Returns all AWS CLI commands in a text, in code blocks and in sentences, with their long options. */
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
