import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { templateOf } from './synthesise';

const TELEMETRY = readFileSync(join(__dirname, '../../lambda/refresh-credentials/telemetry.ts'), 'utf8');

interface Widget {
  readonly type: string;
  readonly properties: {
    readonly title: string;
    readonly alarms?: readonly string[];
    readonly query?: string;
  };
}

describe('RefresherDashboard', () => {
  const [dashboard] = Object.values(templateOf().findResources('AWS::CloudWatch::Dashboard'));
  const { widgets }: { widgets: Widget[] } = JSON.parse(joined(dashboard?.Properties.DashboardBody));

  it('reads from "is it healthy" to the last failures', () => {
    expect(
      widgets.map(({ type, properties: { title } }) => `${type}: ${title.replace(/[?,].*/, '')}`),
    ).toEqual([
      'metric: Is it healthy',
      'metric: Minutes of life that the least fresh credential had when it was written',
      'metric: Runs',
      'metric: Failures by kind',
      'metric: Runs that wait',
      'metric: Duration',
      'alarm: Alarms',
      'log: Last failures',
    ]);
  });

  it('shows the state of every alarm', () => {
    const alarms = Object.values(templateOf().findResources('AWS::CloudWatch::Alarm'));

    const shown = widgets.find(({ type }) => type === 'alarm')?.properties.alarms;

    const names = alarms.map(({ Properties }) => Properties.AlarmName);
    expect((shown ?? []).map((arn) => arn.replace(/^.*:alarm:/, '')).sort()).toEqual(names.sort());
  });

  it('has a name of its own in every region, where names of dashboards are shared', () => {
    expect(joined(dashboard?.Properties.DashboardName)).toBe('EcrCredentialRefresher-<AWS::Region>');
  });

  it('asks the log for what the function writes', () => {
    const query = widgets.find(({ type }) => type === 'log')?.properties.query;

    expect(query).toMatch(/^SOURCE '<RefresherLogGroup\w+>' \| fields/);
    expect(query).toContain('filter message = "target failed"');
  });
});

describe('LogQueries', () => {
  const queries = Object.values(templateOf().findResources('AWS::Logs::QueryDefinition')).map(
    ({ Properties }) => Properties,
  );

  it('are saved in a folder of the stack’s name, for the log of the function', () => {
    expect(queries.map(({ Name }) => Name).sort()).toEqual([
      'EcrCredentialRefresher/failures by target',
      'EcrCredentialRefresher/last failures',
      'EcrCredentialRefresher/one run',
      'EcrCredentialRefresher/routes used',
    ]);
    for (const { LogGroupNames } of queries)
      expect(LogGroupNames).toEqual([{ Ref: 'RefresherLogGroupD7C34E22' }]);
  });

  it('look for messages that the function writes', () => {
    const messages = queries.flatMap(({ QueryString }) =>
      [...QueryString.matchAll(/message = "([^"]+)"/g)].map(([, message]) => message),
    );

    expect(messages).toHaveLength(3);
    for (const message of messages) expect(TELEMETRY).toContain(`'${message}'`);
  });
});

/** A text of a template, its references as `<Name>`. */
function joined(value: { 'Fn::Join'?: [string, unknown[]] } = {}): string {
  const [, parts = []] = value['Fn::Join'] ?? [];
  return parts
    .map((part) => {
      if (typeof part === 'string') return part;
      const { Ref, 'Fn::GetAtt': attribute } = part as { Ref?: string; 'Fn::GetAtt'?: string[] };
      return `<${Ref ?? attribute?.join('.')}>`;
    })
    .join('');
}
