import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { LOG_MESSAGES } from '../../lambda/core/contract';
import { RunpodEcrRefresher, RunpodRegistry } from '../../lib';
import { bothStacks, templateOf } from './synthesise';
import { textIn } from './template-facts';

interface Widget {
  readonly type: string;
  readonly properties: {
    readonly title?: string;
    readonly markdown?: string;
    readonly alarms?: readonly string[];
    readonly query?: string;
  };
}

describe('RefresherDashboard', () => {
  const [dashboard] = Object.values(templateOf().findResources('AWS::CloudWatch::Dashboard'));
  const { widgets }: { widgets: Widget[] } = JSON.parse(textIn(dashboard?.Properties.DashboardBody));

  it('shows what to do first, then widgets in the order from health to the last failures, then the runbook', () => {
    const [first = '', ...others] = widgets.map(
      ({ type, properties: { title = '', markdown = title } }) =>
        `${type}: ${markdown.replace(/[?,\n].*/s, '')}`,
    );

    expect(first).toBe('text: # Runbook');
    expect(others.filter((widget) => !widget.startsWith('text: '))).toEqual([
      'metric: Is it healthy',
      'metric: Least remaining lifetime of a credential when it was written',
      'metric: Runs',
      'metric: Failures by kind',
      'metric: Failed runs in the queues',
      'metric: Duration of runs (left)',
      'alarm: Alarms',
      'log: Last failures',
    ]);
    expect(others.slice(8, 10)).toEqual(['text: ## With the AWS CLI', 'text: ## RefreshSilent']);
    expect(others.slice(8).every((widget) => widget.startsWith('text: ## '))).toBe(true);
  });

  it('shows the state of every alarm', () => {
    const alarms = Object.values(templateOf().findResources('AWS::CloudWatch::Alarm'));

    const shown = widgets.find(({ type }) => type === 'alarm')?.properties.alarms;

    const names = alarms.map(({ Properties }) => Properties.AlarmName);
    expect((shown ?? []).map((arn) => arn.replace(/^.*:alarm:/, '')).sort()).toEqual(names.sort());
  });

  it('has the region in its name, because the regions of an account share the names', () => {
    expect(textIn(dashboard?.Properties.DashboardName)).toBe('EcrCredentialRefresher-<AWS::Region>');
  });

  it('queries the log for failed targets', () => {
    const query = widgets.find(({ type }) => type === 'log')?.properties.query;

    expect(query).toMatch(/^SOURCE '<RefresherLogGroup\w+>' \| fields/);
    expect(query).toContain(`filter message = "${LOG_MESSAGES.targetFailed}"`);
  });
});

describe('the runbook on the dashboard', () => {
  const sectionsOf = (template: Template) => {
    const [found] = Object.values(template.findResources('AWS::CloudWatch::Dashboard'));
    const body: { widgets: Widget[] } = JSON.parse(textIn(found?.Properties.DashboardBody));
    return body.widgets.flatMap(({ properties: { markdown } }) => markdown ?? []);
  };
  const sections = sectionsOf(templateOf({ pullWatch: {}, stackName: 'Pulls' }));
  const all = sections.join('\n');

  it('has every section of docs/runbook.md', () => {
    const runbook = readFileSync(join(__dirname, '../../docs/runbook.md'), 'utf8');

    const { primary } = bothStacks({ pullWatch: {} });
    const headings = [...runbook.matchAll(/^##? .*/gm)].map(([heading]) => heading);
    expect(sectionsOf(Template.fromStack(primary)).map((section) => section.replace(/\n.*/s, ''))).toEqual(
      headings,
    );
  });

  it('leaves out the sections of alarms that the stack does not have', () => {
    const text = sectionsOf(templateOf()).join('\n');

    expect(text).not.toMatch(/^## (PullsFailing|ImagesUnpullable|RegionSilent|WatchSilent)/m);
    expect(text).toContain('## ApiKeyOld');
  });

  it('has the names of this stack in its commands', () => {
    expect(all).toContain('npx runpod-ecr doctor --stack Pulls --region <AWS::Region>\n');
    expect(all).toContain('export AWS_REGION=<AWS::Region>\n');
    expect(all).toContain('--alarm-name Pulls-RefreshSilent ');
    expect(all).toMatch(/aws lambda invoke --function-name "<RefresherFunction\w+>"/);
    expect(all).toMatch(/aws lambda invoke --function-name "<PullWatchFunction\w+>"/);
    expect(all).toMatch(/aws sqs purge-queue --queue-url "<RetriesDeadLetterQueue\w+>"/);
    expect(all).not.toMatch(/EcrCredentialRefresher|us-east-1|output [A-Z(]|STACK/);
  });

  it('has text where the file has links', () => {
    expect(all).not.toMatch(/\]\(/);
    expect(all).toContain('Rotate the key ("Rotate the Runpod key").');
    expect(all).toContain('See "OperatorActionNeeded".');
    expect(all).toContain('whether a page arrives (docs/failure-handling.md)');
  });

  it('names the refresher where the stack has another name', () => {
    const stack = new Stack(new App(), 'Platform-us-east-1', { env: { region: 'eu-west-1' } });
    const secret = Secret.fromSecretNameV2(stack, 'Key', 'runpod/api-key');
    new RunpodEcrRefresher(stack, 'Pulls', {
      runpodApiKey: secret,
      targets: [
        { name: 'prod', registryAuthName: 'prod', registry: RunpodRegistry.ghcr({ credential: secret }) },
      ],
    });

    const [introduction] = sectionsOf(Template.fromStack(stack));

    expect(introduction).toMatch(
      /npx runpod-ecr doctor --stack Platform-us-east-1 --refresher Platform-us-east-1-Pulls-\w+ --region eu-west-1\n/,
    );
  });

  it('is absent when alarms link to another runbook', () => {
    const own = templateOf({ alarms: { runbookUrl: 'https://wiki.example.com/runbook' } });

    expect(sectionsOf(own)).toEqual([]);
  });
});

describe('LogQueries', () => {
  const queries = Object.values(templateOf().findResources('AWS::Logs::QueryDefinition')).map(
    ({ Properties }) => Properties,
  );

  it('saves the queries in a folder with the stack’s name, for the log of the function', () => {
    expect(queries.map(({ Name }) => Name).sort()).toEqual([
      'EcrCredentialRefresher/failures by target',
      'EcrCredentialRefresher/last failures',
      'EcrCredentialRefresher/one run',
      'EcrCredentialRefresher/routes used',
    ]);
    for (const { LogGroupNames } of queries)
      expect(LogGroupNames).toEqual([{ Ref: 'RefresherLogGroupD7C34E22' }]);
  });

  it('filters only by log messages of the contract', () => {
    const messages = queries.flatMap(({ QueryString }) =>
      [...QueryString.matchAll(/message = "([^"]+)"/g)].map(([, message]) => message),
    );

    expect(messages).toHaveLength(3);
    expect(Object.values(LOG_MESSAGES)).toEqual(expect.arrayContaining(messages));
  });
});
