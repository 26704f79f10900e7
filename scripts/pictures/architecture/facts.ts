/** What the synthesised template says about the parts of the architecture and about how they are connected. */

import type { CloudFormationResource, CloudFormationTemplate } from '../../../lib/synthesise';

/** The parts that the picture shows and the template has. */
export type Part =
  | 'rules'
  | 'refresher'
  | 'undelivered'
  | 'retries'
  | 'dead-letters'
  | 'watch-rule'
  | 'watch'
  | 'alarms'
  | 'dashboard'
  | 'pages'
  | 'warnings'
  | 'people';

/** Services outside the stack that the roles in the template may call. */
export type Service = 'secret' | 'ecr';

/** A connection in the template. */
export type Edge = `${Part} -> ${Part | Service}`;

/** Which resources a part stands for: type, and how the logical id begins. Construct ids are a contract. */
const SHOWN: readonly (readonly [part: Part, type: string, idPrefix: string])[] = [
  ['rules', 'AWS::Events::Rule', 'Schedule'],
  ['rules', 'AWS::Events::Rule', 'SecretRotation'],
  ['refresher', 'AWS::Lambda::Function', 'Refresher'],
  ['undelivered', 'AWS::SQS::Queue', 'ScheduleUndelivered'],
  ['retries', 'AWS::SQS::Queue', 'RetriesRetry'],
  ['retries', 'AWS::Lambda::EventInvokeConfig', 'Retries'],
  ['retries', 'AWS::Lambda::EventSourceMapping', 'Retries'],
  ['dead-letters', 'AWS::SQS::Queue', 'RetriesDeadLetter'],
  ['watch-rule', 'AWS::Events::Rule', 'PullWatch'],
  ['watch', 'AWS::Lambda::Function', 'PullWatch'],
  ['alarms', 'AWS::CloudWatch::Alarm', 'Alarms'],
  ['dashboard', 'AWS::CloudWatch::Dashboard', 'Overview'],
  ['dashboard', 'AWS::Logs::QueryDefinition', 'LogQueries'],
  ['pages', 'AWS::SNS::Topic', 'NotificationsPages'],
  ['warnings', 'AWS::SNS::Topic', 'NotificationsWarnings'],
  ['people', 'AWS::SNS::Subscription', 'Notifications'],
];

/** Resources that the picture leaves out, and why. */
export const LEFT_OUT: readonly (readonly [type: string, idPrefix: string, why: string])[] = [
  ['AWS::IAM::Role', 'Refresher', 'its permissions are the arrows to Secrets Manager and ECR'],
  ['AWS::IAM::Policy', 'Refresher', 'its permissions are the arrows to Secrets Manager and ECR'],
  ['AWS::IAM::Role', 'PullWatch', 'its permissions are the arrows to Secrets Manager and ECR'],
  ['AWS::IAM::Policy', 'PullWatch', 'its permissions are the arrows to Secrets Manager and ECR'],
  ['AWS::IAM::Policy', 'Retries', 'the arrows to and from the retry queue imply it'],
  ['AWS::Lambda::Permission', '', 'the arrow from a rule to a function implies it'],
  ['AWS::SNS::TopicPolicy', '', 'the arrow from the alarms to a topic implies it'],
  ['AWS::SQS::QueuePolicy', '', 'the arrow to a queue implies it'],
  ['AWS::Logs::LogGroup', '', 'every function has one'],
  ['AWS::Lambda::EventInvokeConfig', 'PullWatch', 'it only limits the retries of the watch'],
  ['AWS::Lambda::Version', '', 'only the first refresh uses it'],
  ['Custom::Trigger', 'FirstRefresh', 'it works during a deployment only'],
  ['AWS::IAM::Role', 'AWSCDKTrigger', 'it works during a deployment only'],
  ['AWS::Lambda::Function', 'AWSCDKTrigger', 'it works during a deployment only'],
];

/** What the template says. */
export interface Facts {
  readonly edges: ReadonlySet<Edge>;
  /** Parts that an alarm watches by a metric of their own. */
  readonly alarmed: ReadonlySet<Part>;
  readonly refreshEveryHours: number;
  readonly watchEveryMinutes: number;
  readonly retryEveryMinutes: number;
  readonly deadLettersKeptDays: number;
  readonly pagingAlarms: number;
  readonly warningAlarms: number;
  readonly logQueries: number;
  readonly emails: readonly string[];
}

/**
 * Reads the template.
 *
 * @throws Error when it has a resource that the picture neither shows nor leaves out on purpose, or a connection that
 * leads to no part of the picture
 */
export function readFacts({ Resources }: CloudFormationTemplate): Facts {
  const parts = new Map<string, Part>();
  for (const [id, { Type }] of Object.entries(Resources)) {
    const part = SHOWN.find(([, type, prefix]) => type === Type && id.startsWith(prefix))?.[0];
    if (part) parts.set(id, part);
    else if (!LEFT_OUT.some(([type, prefix]) => type === Type && id.startsWith(prefix))) {
      throw new Error(
        `${id} (${Type}) is not in the picture of the architecture. Show it, or leave it out with a reason: scripts/pictures/architecture/facts.ts`,
      );
    }
  }
  const reader = new Reader(Resources, parts);
  const alarms = reader.ofType('AWS::CloudWatch::Alarm');
  return {
    edges: reader.edges(),
    alarmed: reader.alarmed(),
    refreshEveryHours:
      minutesOfRate(reader.property('Schedule', 'AWS::Events::Rule', 'ScheduleExpression')) / 60,
    watchEveryMinutes: minutesOfRate(reader.property('PullWatch', 'AWS::Events::Rule', 'ScheduleExpression')),
    retryEveryMinutes: Number(reader.property('RetriesRetry', 'AWS::SQS::Queue', 'VisibilityTimeout')) / 60,
    deadLettersKeptDays:
      Number(reader.property('RetriesDeadLetter', 'AWS::SQS::Queue', 'MessageRetentionPeriod')) / 86_400,
    pagingAlarms: alarms.filter(({ Properties }) => reader.leadsTo(Properties.AlarmActions, 'pages')).length,
    warningAlarms: alarms.filter(({ Properties }) => reader.leadsTo(Properties.AlarmActions, 'warnings'))
      .length,
    logQueries: reader.ofType('AWS::Logs::QueryDefinition').length,
    emails: [
      ...new Set(
        reader.ofType('AWS::SNS::Subscription').map(({ Properties }) => String(Properties.Endpoint)),
      ),
    ],
  };
}

type Resources = CloudFormationTemplate['Resources'];

class Reader {
  readonly #resources: Resources;
  readonly #parts: ReadonlyMap<string, Part>;

  constructor(resources: Resources, parts: ReadonlyMap<string, Part>) {
    this.#resources = resources;
    this.#parts = parts;
  }

  ofType(type: string): CloudFormationResource[] {
    return Object.values(this.#resources).filter(({ Type }) => Type === type);
  }

  property(idPrefix: string, type: string, name: string): unknown {
    const found = Object.entries(this.#resources).find(
      ([id, { Type }]) => Type === type && id.startsWith(idPrefix),
    );
    if (found?.[1].Properties[name] === undefined)
      throw new Error(`the template has no ${name} of ${idPrefix}`);
    return found[1].Properties[name];
  }

  /** Whether a value refers to a resource of this part. */
  leadsTo(value: unknown, part: Part): boolean {
    return referencesIn(value).some((id) => this.#parts.get(id) === part);
  }

  edges(): Set<Edge> {
    return new Set(Object.entries(this.#resources).flatMap(([id, resource]) => this.#edgesOf(id, resource)));
  }

  /** The connections that a resource makes: between values that refer to other resources, or to itself. */
  #edgesOf(id: string, { Type, Properties }: CloudFormationResource): Edge[] {
    const own = { Ref: id };
    switch (Type) {
      case 'AWS::Events::Rule':
        return this.#connect(own, Properties.Targets);
      case 'AWS::CloudWatch::Alarm':
        return this.#connect(own, Properties.AlarmActions);
      case 'AWS::SQS::Queue':
        return this.#connect(own, Properties.RedrivePolicy);
      case 'AWS::SNS::Subscription':
        return this.#connect(Properties.TopicArn, own);
      case 'AWS::Lambda::EventInvokeConfig':
        return this.#connect(Properties.FunctionName, Properties.DestinationConfig);
      case 'AWS::Lambda::EventSourceMapping':
        return this.#connect(Properties.EventSourceArn, Properties.FunctionName);
      case 'AWS::Lambda::Function':
        return this.#partsIn(own).flatMap((part) =>
          this.#servicesOf(Properties.Role).map((service): Edge => `${part} -> ${service}`),
        );
      default:
        return [];
    }
  }

  #connect(from: unknown, to: unknown): Edge[] {
    const targets = this.#partsIn(to);
    return this.#partsIn(from).flatMap((source) => targets.map((target): Edge => `${source} -> ${target}`));
  }

  /** An alarm that has no dimension of a resource watches the metrics that the functions themselves send. */
  alarmed(): Set<Part> {
    const alarms = this.ofType('AWS::CloudWatch::Alarm').map(({ Properties }) => Properties);
    return new Set(alarms.flatMap(({ Dimensions, Metrics }) => this.#partsIn([Dimensions, Metrics])));
  }

  #partsIn(value: unknown): Part[] {
    return referencesIn(value).flatMap((id) => this.#parts.get(id) ?? []);
  }

  #servicesOf(role: unknown): Service[] {
    const [roleId] = referencesIn(role);
    const actions = this.ofType('AWS::IAM::Policy')
      .filter(({ Properties }) => referencesIn(Properties.Roles).includes(roleId ?? ''))
      .flatMap(({ Properties }) => JSON.stringify(Properties.PolicyDocument));
    const services: readonly (readonly [Service, string])[] = [
      ['secret', 'secretsmanager:GetSecretValue'],
      ['ecr', 'ecr:GetAuthorizationToken'],
    ];
    return services
      .filter(([, action]) => actions.some((text) => text.includes(action)))
      .map(([name]) => name);
  }
}

/** Returns the logical ids in a value of a template, in `Ref` and `Fn::GetAtt`. */
function referencesIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    if (key === 'Ref') return [String(inner)];
    if (key === 'Fn::GetAtt' && Array.isArray(inner)) return [String(inner[0])];
    return referencesIn(inner);
  });
}

function minutesOfRate(expression: unknown): number {
  const [, amount, unit] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(String(expression)) ?? [];
  const minutes = { minute: 1, hour: 60, day: 1_440 }[unit ?? ''];
  if (minutes === undefined) throw new Error(`expected rate(…), found ${String(expression)}`);
  return Number(amount) * minutes;
}
