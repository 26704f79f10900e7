import { Annotations, Stack } from 'aws-cdk-lib';
import { ManagedPolicy, Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { METRIC_NAMESPACE } from '../lambda/core/contract';
import { acknowledge } from './acknowledge';
import { ConfigError } from './config/mistakes';
import { type Permission, type PolicyLimits, packPermissions } from './policy-packing';
import type { NeededResources } from './refresher-props';
import { onlySecretsManager, secretArn } from './secrets';
import { estimatedLength, stableText } from './tokens';

/** Properties of `ExecutionRole`. */
export interface ExecutionRoleProps {
  /** The role may use these and nothing else. */
  readonly resources: NeededResources;
  /** The only log group that the function may write to. */
  readonly logGroup: ILogGroup;
  /** What the function does, for people who read the list of roles. */
  readonly description: string;
  /**
   * Whether the function may read its own log.
   * @default false
   */
  readonly readsOwnLog?: boolean;
  /** Region whose CloudWatch receives the successes of the function. @default - none */
  readonly tellsRegion?: string | undefined;
}

/**
 * The first policy is an inline one. IAM allows 10,240 characters for all inline policies of a role together, and
 * 6,144 for a managed policy (IAM quotas). Some inline characters stay free for other constructs' policies.
 */
const POLICY_LIMITS: PolicyLimits = { first: 9_000, further: 6_100 };

/** How many managed policies a role can have: by default, and after a quota increase (IAM quotas). */
const MANAGED_POLICY_QUOTA = { default: 10, maximum: 20 } as const;

/**
 * The role of a function that gets credentials, and the security boundary of the system.
 *
 * The ECR credential at Runpod has the rights of this role, so it may pull only the configured repositories. It has
 * none of AWS's managed policies.
 */
export class ExecutionRole extends Role {
  /** @throws ConfigError when the properties name more resources than the policies of one role can hold */
  constructor(scope: Construct, id: string, props: ExecutionRoleProps) {
    super(scope, id, {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: props.description,
    });
    const [inline = [], ...overflow] = packPermissions(permissions(this, props), POLICY_LIMITS, {
      keyOf: (arn) => withoutOwnAddress(this, arn),
      lengthOf: (text) => estimatedLength(this, text),
    });
    this.#checkQuota(overflow.length);
    const policy = new Policy(this, 'Permissions', { statements: inline.map(statement) });
    this.attachInlinePolicy(policy);
    const policies = [policy, ...overflow.map((more, index) => this.#managedPolicy(index + 1, more))];
    updateLastFirst(policies);
    acknowledge(this, {
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason:
        'ecr:GetAuthorizationToken, ecr-public:GetAuthorizationToken, sts:GetServiceBearerToken and cloudwatch:PutMetricData support no resource-level permissions (Service Authorization Reference). The statement PullRepositories names each repository that the token can pull.',
    });
  }

  /** The policy names the role. If the role listed the policy, it would lose it before others have its permissions. */
  #managedPolicy(number: number, permissions: readonly Permission[]): ManagedPolicy {
    return new ManagedPolicy(this, `MorePermissions${number}`, {
      description: `Permissions that do not fit into the inline policy, part ${number}`,
      roles: [this],
      statements: permissions.map(statement),
    });
  }

  #checkQuota(policies: number): void {
    if (policies > MANAGED_POLICY_QUOTA.maximum) {
      throw new ConfigError(
        `The targets name more repositories, secrets and roles than one IAM role can hold: they need ${policies} managed policies, and IAM attaches at most ${MANAGED_POLICY_QUOTA.maximum} to a role. Divide the targets among several configurations, each with its own stackName, or among several refreshers.`,
      );
    }
    if (policies > MANAGED_POLICY_QUOTA.default) {
      Annotations.of(this).addWarningV2(
        'runpod-ecr-credential-refresher:managedPolicyQuota',
        `The targets name so many repositories, secrets and roles that the function's role needs ${policies} managed policies. IAM attaches at most ${MANAGED_POLICY_QUOTA.default}, or up to ${MANAGED_POLICY_QUOTA.maximum} when the quota "Managed policies per role" is raised. Raise it before the deployment, or divide the targets among several configurations.`,
      );
    }
  }
}

/**
 * Lets CloudFormation change the last policy first.
 *
 * When a policy is added, permissions move into it from those before it, so it has them before they lose them. When a
 * policy is removed, CloudFormation deletes it only after all others have been updated.
 */
function updateLastFirst(policies: readonly (Policy | ManagedPolicy)[]): void {
  for (const [index, policy] of policies.entries()) {
    const next = policies[index + 1];
    if (next) policy.node.addDependency(next);
  }
}

/** Returns an ARN without partition, and without the stack's own region and account, which synth may not know. */
function withoutOwnAddress(scope: Construct, arn: string): string {
  const { region, account } = Stack.of(scope);
  const [prefix, _partition, service, ...rest] = arn.split(':');
  if (rest.length === 0) return stableText(scope, arn);
  const foreign = rest.map((part) => (part === region || part === account ? '' : part));
  return stableText(scope, [prefix, service, ...foreign].join(':'));
}

function permissions(
  scope: Construct,
  { resources: needed, logGroup, readsOwnLog, tellsRegion }: ExecutionRoleProps,
): Permission[] {
  const secrets = [...needed.apiKeys, ...needed.credentials];
  return [
    {
      sid: 'WriteOwnLogs',
      inFirst: true,
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [logGroup.logGroupArn],
    },
    {
      sid: 'ReadOwnLog',
      inFirst: true,
      actions: ['logs:FilterLogEvents'],
      resources: readsOwnLog ? [logGroup.logGroupArn] : [],
    },
    {
      sid: 'TellOtherRegion',
      inFirst: true,
      actions: ['cloudwatch:PutMetricData'],
      resources: tellsRegion === undefined ? [] : ['*'],
      conditions: {
        StringEquals: { 'cloudwatch:namespace': METRIC_NAMESPACE, 'aws:RequestedRegion': tellsRegion ?? '' },
      },
    },
    {
      sid: 'ReadRunpodApiKeys',
      actions: ['secretsmanager:GetSecretValue'],
      resources: needed.apiKeys.map(secretArn),
    },
    {
      sid: 'ReadRegistryCredentials',
      actions: ['secretsmanager:GetSecretValue'],
      resources: needed.credentials.map(secretArn),
    },
    {
      sid: 'DecryptSecrets',
      actions: ['kms:Decrypt'],
      resources: secrets.flatMap(({ encryptionKey }) => encryptionKey?.keyArn ?? []),
      conditions: onlySecretsManager(Stack.of(scope)),
    },
    {
      sid: 'IssueEcrCredential',
      inFirst: true,
      actions: ['ecr:GetAuthorizationToken'],
      resources: needed.repositoryArns.length > 0 ? ['*'] : [],
    },
    {
      sid: 'IssueEcrPublicCredential',
      inFirst: true,
      actions: ['ecr-public:GetAuthorizationToken', 'sts:GetServiceBearerToken'],
      resources: needed.ecrPublic ? ['*'] : [],
    },
    { sid: 'AssumePullRoles', actions: ['sts:AssumeRole'], resources: needed.roleArns },
    {
      sid: 'PullRepositories',
      actions: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
      resources: needed.repositoryArns,
    },
  ];
}

function statement({ sid, actions, resources, conditions }: Permission): PolicyStatement {
  return new PolicyStatement({ sid, actions: [...actions], resources: [...resources], conditions });
}
