/** The monthly cost of a deployment, computed from its synthesised template. */

/** The source of the prices: AWS's list prices, before any free tier. */
export const PRICES_FROM = {
  date: '2026-11-21',
  region: 'us-east-1',
  pages: 'aws.amazon.com/cloudwatch/pricing, and the same of lambda, sqs and secrets-manager',
} as const;

/** Prices in US dollars, each for one unit. Dashboards are priced a month, as are alarms and metrics. */
const PRICE = {
  alarmMetric: 0.1,
  customMetric: 0.3,
  secretRead: 0.05 / 10_000,
  secretReplica: 0.4,
  metricRequest: 0.01 / 1_000,
  logGigabyte: 0.5 + 0.03,
  lambdaRequest: 0.2 / 1_000_000,
  lambdaGigabyteSecond: 0.0000133334,
  queueRequest: 0.4 / 1_000_000,
  dashboard: 3,
} as const;

const HOURS = 730;
const FREE_DASHBOARDS = 3;

/** Assumptions that no template contains. They are high: every run is a cold start, and every log line has all fields. */
const ASSUMED = {
  /** Lambda keeps five long polls of a queue open, each of 20 seconds (Developer Guide, "Using Lambda with SQS"). */
  pollsPerHour: 5 * 3 * 60,
  runSeconds: 3,
  /** One write a second: Runpod's quota is 60 requests a minute. */
  targetSeconds: 1,
  runLogBytes: 4_000,
  targetLogBytes: 600,
  /** A look waits for logs; with tens of workloads it takes seconds. */
  lookSeconds: 10,
  lookLogBytes: 3_000,
} as const;

/** The metrics of the watch. */
const WATCH_METRICS = ['ImagesUnpullable', 'PullsFailing'];

/** The metric that the other region sends too, and the metric that exists only when there is another region. */
const OF_BOTH_REGIONS = { sharedMetric: 'RunSucceeded', onlyWithAnother: 'RegionSucceeded' } as const;

/** One line of the bill. */
export interface CostLine {
  readonly what: string;
  readonly quantity: string;
  /** US dollars a month. */
  readonly monthly: number;
  /** The monthly free tier of an account. All workloads of the account share it. */
  readonly freeTier: string;
}

/** What the cost depends on besides the template. */
export interface Usage {
  readonly targets: number;
  /**
   * Whether the stack is a standby. Its secrets are replicas, which count as part of its costs.
   * @default false
   */
  readonly isStandby?: boolean;
}

type Resource = { readonly Type?: unknown; readonly Properties?: Readonly<Record<string, unknown>> };

/** Returns the lines of the bill, for a month without failures. @throws Error when the template has no schedule */
export function monthlyCost(template: object, { targets, isStandby = false }: Usage): CostLine[] {
  const ofType = resourcesByType(template);
  const runsPerDay = perDay(ofType('AWS::Events::Rule'), (id) => !isOfWatch(id)) ?? 0;
  if (runsPerDay === 0) throw new Error('expected a rule with a rate or with fixed times');
  const looksPerDay = perDay(ofType('AWS::Events::Rule'), isOfWatch) ?? 0;
  const [runs, looks] = [(HOURS / 24) * runsPerDay, (HOURS / 24) * looksPerDay];
  const alarms = count(ofType('AWS::CloudWatch::Alarm'), ({ Metrics }) =>
    Array.isArray(Metrics) ? Metrics.length : 1,
  );
  const metrics = customMetrics(template);
  const hasOtherRegion = metrics.includes(OF_BOTH_REGIONS.onlyWithAnother);
  const sentPerDay = (name: string) => {
    if (WATCH_METRICS.includes(name)) return looksPerDay;
    return hasOtherRegion && name === OF_BOTH_REGIONS.sharedMetric ? 2 * runsPerDay : runsPerDay;
  };
  const metricHours = metrics.reduce((sum, name) => sum + Math.min(24, sentPerDay(name)), 0);
  const policies = [...ofType('AWS::IAM::Policy'), ...ofType('AWS::IAM::ManagedPolicy')];
  const secretsOf = (isWanted: (id: string) => boolean) =>
    count(
      policies.filter(([id]) => isWanted(id)),
      secretsIn,
    );
  const replicas = isStandby ? secretsOf((id) => !isOfWatch(id)) : 0;
  const reports = hasOtherRegion ? runs : 0;
  const reads = runs * secretsOf((id) => !isOfWatch(id)) + looks * secretsOf(isOfWatch);
  const seconds = runs * (ASSUMED.runSeconds + targets * ASSUMED.targetSeconds) + looks * ASSUMED.lookSeconds;
  const gigabyteSeconds = seconds * memoryGigabytes(ofType('AWS::Lambda::Function'));
  const logBytes =
    runs * (ASSUMED.runLogBytes + targets * ASSUMED.targetLogBytes) + looks * ASSUMED.lookLogBytes;
  const polls = ofType('AWS::Lambda::EventSourceMapping').length * ASSUMED.pollsPerHour * HOURS;
  const dashboards = ofType('AWS::CloudWatch::Dashboard').length;
  return [
    line('alarms', `${alarms}`, alarms * PRICE.alarmMetric, '10'),
    line(
      'custom metrics',
      `${metrics.length}, ${metricHours} hours a day in all`,
      (metricHours * PRICE.customMetric) / 24,
      '10',
    ),
    line(
      'queue: Lambda’s polling',
      `${thousands(polls)} requests`,
      polls * PRICE.queueRequest,
      '1,000,000 requests',
    ),
    line(
      'functions: time',
      `${Math.round(gigabyteSeconds)} GB-s`,
      gigabyteSeconds * PRICE.lambdaGigabyteSecond,
      '400,000 GB-s',
    ),
    line('functions: requests', thousands(runs + looks), (runs + looks) * PRICE.lambdaRequest, '1,000,000'),
    line('logs', `${(logBytes / 1e6).toFixed(1)} MB`, (logBytes / 1e9) * PRICE.logGigabyte, '5 GB'),
    line('secrets: reads', thousands(reads), reads * PRICE.secretRead, 'none'),
    ...(reports > 0
      ? [
          line(
            'reports to the other region',
            `${thousands(reports)} requests`,
            reports * PRICE.metricRequest,
            '1,000,000',
          ),
        ]
      : []),
    ...(isStandby ? [line('secrets: replicas', `${replicas}`, replicas * PRICE.secretReplica, 'none')] : []),
    line(
      'dashboard',
      `${dashboards}`,
      Math.max(0, dashboards - FREE_DASHBOARDS) * PRICE.dashboard,
      `${FREE_DASHBOARDS}, counted in`,
    ),
  ];
}

/** Returns the sum of the lines, in US dollars a month. */
export function total(lines: readonly CostLine[]): number {
  return lines.reduce((sum, { monthly }) => sum + monthly, 0);
}

/** Returns the function's metrics that alarms or dashboards name. A test checks that these are all that it sends. */
export function customMetrics(template: object): string[] {
  const text = JSON.stringify(template);
  const inAlarms = [...text.matchAll(/"MetricName":"(\w+)","Namespace":"RunpodEcrRefresher"/g)];
  const inDashboards = [...text.matchAll(/\\"RunpodEcrRefresher\\",\\"(\w+)\\"/g)];
  return [...new Set([...inAlarms, ...inDashboards].map(([, name = '']) => name))].sort();
}

function line(what: string, quantity: string, monthly: number, freeTier: string): CostLine {
  return { what, quantity, monthly, freeTier };
}

/** Construct ids are a contract, so the beginning of a logical id tells what belongs to the watch. */
function isOfWatch(id: string): boolean {
  return id.startsWith('PullWatch');
}

function resourcesByType(template: object): (type: string) => readonly (readonly [string, Resource])[] {
  const { Resources = {} } = template as { Resources?: Readonly<Record<string, Resource>> };
  return (type) => Object.entries(Resources).filter(([, { Type }]) => Type === type);
}

function count(
  resources: readonly (readonly [string, Resource])[],
  of: (properties: Readonly<Record<string, unknown>>) => number,
): number {
  return resources.reduce((sum, [, { Properties = {} }]) => sum + of(Properties), 0);
}

/** Returns how often a day a rule with a rate or with fixed times fires; undefined when there is none. */
function perDay(
  rules: readonly (readonly [string, Resource])[],
  isWanted: (id: string) => boolean,
): number | undefined {
  for (const [id, { Properties }] of rules) {
    const minutes = intervalMinutes(String(Properties?.ScheduleExpression));
    if (minutes === undefined || !isWanted(id)) continue;
    return (24 * 60) / minutes;
  }
  return undefined;
}

function intervalMinutes(expression: string): number | undefined {
  const [, hours] = /^cron\(\d+ \d+\/(\d+) \* \* \? \*\)$/.exec(expression) ?? [];
  if (hours !== undefined) return Number(hours) * 60;
  const [, number, unit] = /^rate\((\d+) (hour|minute)s?\)$/.exec(expression) ?? [];
  return number === undefined ? undefined : Number(number) * (unit === 'hour' ? 60 : 1);
}

/** The refresher and the watch have the same memory. The other functions of the stack run only during a deployment. */
function memoryGigabytes(functions: readonly (readonly [string, Resource])[]): number {
  return Math.max(...functions.map(([, { Properties }]) => Number(Properties?.MemorySize))) / 1024;
}

/** Statements of a role that list the secrets of a run or of a look. */
const SECRET_STATEMENTS = ['ReadRunpodApiKeys', 'ReadRegistryCredentials'];

function secretsIn({ PolicyDocument }: Readonly<Record<string, unknown>>): number {
  const { Statement } = PolicyDocument as { Statement: readonly { Sid?: string; Resource: unknown }[] };
  return Statement.filter(({ Sid = '' }) => SECRET_STATEMENTS.includes(Sid)).reduce(
    (sum, { Resource }) => sum + (Array.isArray(Resource) ? Resource.length : 1),
    0,
  );
}

function thousands(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
