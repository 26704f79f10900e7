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
} as const;

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
}

type Resource = { readonly Type?: unknown; readonly Properties?: Readonly<Record<string, unknown>> };

/** Returns the lines of the bill, for a month without failures. @throws Error when the template has no schedule */
export function monthlyCost(template: object, { targets }: Usage): CostLine[] {
  const ofType = resourcesByType(template);
  const runsPerDay = 24 / intervalHours(ofType('AWS::Events::Rule'));
  const runs = (HOURS / 24) * runsPerDay;
  const alarms = count(ofType('AWS::CloudWatch::Alarm'), ({ Metrics }) =>
    Array.isArray(Metrics) ? Metrics.length : 1,
  );
  const metrics = customMetrics(template);
  const policies = [...ofType('AWS::IAM::Policy'), ...ofType('AWS::IAM::ManagedPolicy')];
  const secrets = count(policies, secretsIn);
  const seconds = ASSUMED.runSeconds + targets * ASSUMED.targetSeconds;
  const gigabyteSeconds = runs * seconds * memoryGigabytes(ofType('AWS::Lambda::Function'));
  const logGigabytes = (runs * (ASSUMED.runLogBytes + targets * ASSUMED.targetLogBytes)) / 1e9;
  const polls = ofType('AWS::Lambda::EventSourceMapping').length * ASSUMED.pollsPerHour * HOURS;
  const dashboards = ofType('AWS::CloudWatch::Dashboard').length;
  return [
    line('alarms', `${alarms}`, alarms * PRICE.alarmMetric, '10'),
    line(
      'custom metrics',
      `${metrics.length}, in ${runsPerDay} of 24 hours`,
      (metrics.length * PRICE.customMetric * runsPerDay) / 24,
      '10',
    ),
    line(
      'queue: Lambda’s polling',
      `${thousands(polls)} requests`,
      polls * PRICE.queueRequest,
      '1,000,000 requests',
    ),
    line(
      'function: time',
      `${Math.round(gigabyteSeconds)} GB-s`,
      gigabyteSeconds * PRICE.lambdaGigabyteSecond,
      '400,000 GB-s',
    ),
    line('function: requests', thousands(runs), runs * PRICE.lambdaRequest, '1,000,000'),
    line('log', `${(logGigabytes * 1000).toFixed(1)} MB`, logGigabytes * PRICE.logGigabyte, '5 GB'),
    line('secret: reads', thousands(runs * secrets), runs * secrets * PRICE.secretRead, 'none'),
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

function resourcesByType(template: object): (type: string) => readonly Resource[] {
  const { Resources = {} } = template as { Resources?: Readonly<Record<string, Resource>> };
  return (type) => Object.values(Resources).filter(({ Type }) => Type === type);
}

function count(
  resources: readonly Resource[],
  of: (properties: Readonly<Record<string, unknown>>) => number,
): number {
  return resources.reduce((sum, { Properties = {} }) => sum + of(Properties), 0);
}

function intervalHours([rule]: readonly Resource[]): number {
  const [, hours] = /^rate\((\d+) hours?\)$/.exec(String(rule?.Properties?.ScheduleExpression)) ?? [];
  if (hours === undefined) throw new Error('expected one rule with a rate in hours');
  return Number(hours);
}

/** The refresher has the most memory. The other functions of the stack run only during a deployment. */
function memoryGigabytes(functions: readonly Resource[]): number {
  return Math.max(...functions.map(({ Properties }) => Number(Properties?.MemorySize))) / 1024;
}

/** Statements of the refresher's role that list the secrets of a run. */
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
