import { LOG_MESSAGES } from '../../lambda/core/contract';
import { templateOf } from './synthesise';

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

  it('shows widgets in the order from health to the last failures', () => {
    expect(
      widgets.map(({ type, properties: { title } }) => `${type}: ${title.replace(/[?,].*/, '')}`),
    ).toEqual([
      'metric: Is it healthy',
      'metric: Least remaining lifetime of a credential when it was written',
      'metric: Runs',
      'metric: Failures by kind',
      'metric: Failed runs in the queues',
      'metric: Duration of runs (left)',
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

  it('has the region in its name, because the regions of an account share the names', () => {
    expect(joined(dashboard?.Properties.DashboardName)).toBe('EcrCredentialRefresher-<AWS::Region>');
  });

  it('queries the log for failed targets', () => {
    const query = widgets.find(({ type }) => type === 'log')?.properties.query;

    expect(query).toMatch(/^SOURCE '<RefresherLogGroup\w+>' \| fields/);
    expect(query).toContain(`filter message = "${LOG_MESSAGES.targetFailed}"`);
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

/** Returns a text of a template with each reference as `<Name>`. */
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
