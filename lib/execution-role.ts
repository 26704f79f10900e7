import { Annotations, ArnFormat, Stack, Validations } from 'aws-cdk-lib';
import { ManagedPolicy, Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { EcrRegistry, RefresherSettings, Registry } from '../lambda/core/model';
import { ConfigError } from './config/mistakes';
import { type Permission, type PolicyLimits, packPermissions } from './policy-packing';

/** Properties of `ExecutionRole`. */
export interface ExecutionRoleProps {
  /** The function's settings. It may use the secrets, repositories and roles that they name. */
  readonly settings: RefresherSettings;
  /** The only log group that the function may write to. */
  readonly logGroup: ILogGroup;
}

/**
 * The first policy is an inline one. IAM allows 10,240 characters for all inline policies of a role together, and
 * 6,144 for a managed policy (IAM quotas). Some inline characters stay free for other constructs' policies.
 */
const POLICY_LIMITS: PolicyLimits = { first: 9_000, further: 6_100 };

/** Number of managed policies that IAM attaches to a role: by default, and after a quota increase (IAM quotas). */
const MANAGED_POLICY_QUOTA = { default: 10, maximum: 20 } as const;

/**
 * The role of the refresher's function, and the security boundary of the system.
 *
 * The ECR credential at Runpod has the rights of this role, so it may pull only the configured repositories. It has
 * no policies that AWS manages.
 */
export class ExecutionRole extends Role {
  /** @throws ConfigError when the settings name more resources than the policies of one role can hold */
  constructor(scope: Construct, id: string, props: ExecutionRoleProps) {
    super(scope, id, {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: 'Refreshes Runpod registry auths: pulls the configured repositories and nothing else',
    });
    const [inline = [], ...overflow] = packPermissions(permissions(this, props), POLICY_LIMITS);
    this.#checkQuota(overflow.length);
    this.attachInlinePolicy(new Policy(this, 'Permissions', { statements: inline.map(statement) }));
    for (const [index, more] of overflow.entries()) {
      this.addManagedPolicy(
        new ManagedPolicy(this, `MorePermissions${index + 1}`, {
          description: `Permissions that do not fit into the inline policy, part ${index + 1}`,
          statements: more.map(statement),
        }),
      );
    }
    Validations.of(this).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason:
        'ecr:GetAuthorizationToken, ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken support no resource-level permissions (Service Authorization Reference). The statement PullRepositories names each repository that the token can pull.',
    });
  }

  #checkQuota(policies: number): void {
    if (policies > MANAGED_POLICY_QUOTA.maximum) {
      throw new ConfigError(
        `The targets name more repositories, secrets and roles than one IAM role can hold: they need ${policies} managed policies, and IAM attaches at most ${MANAGED_POLICY_QUOTA.maximum} to a role. Divide the targets among several configurations, each with its own stackName.`,
      );
    }
    if (policies > MANAGED_POLICY_QUOTA.default) {
      Annotations.of(this).addWarningV2(
        'runpod-ecr-credential-refresher:managedPolicyQuota',
        `The targets need ${policies} managed policies on the function's role. IAM attaches ${MANAGED_POLICY_QUOTA.default} unless the quota "Managed policies per role" is raised.`,
      );
    }
  }
}

function permissions(scope: Construct, { settings, logGroup }: ExecutionRoleProps): Permission[] {
  const registries = settings.targets.map(({ registry }) => registry);
  const ecr = registries.filter(isEcr);
  const ownRoleEcr = ecr.filter(({ roleArn }) => roleArn === undefined);
  return [
    {
      sid: 'WriteOwnLogs',
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [logGroup.logGroupArn],
    },
    {
      sid: 'ReadRunpodApiKeys',
      actions: ['secretsmanager:GetSecretValue'],
      resources: settings.targets.map((target) => secretArn(scope, target.runpodApiKeySecretName)),
    },
    {
      sid: 'ReadRegistryCredentials',
      actions: ['secretsmanager:GetSecretValue'],
      resources: registries.flatMap((registry) =>
        'credentialSecretName' in registry ? [secretArn(scope, registry.credentialSecretName)] : [],
      ),
    },
    {
      sid: 'IssueEcrCredential',
      actions: ['ecr:GetAuthorizationToken'],
      resources: ownRoleEcr.length > 0 ? ['*'] : [],
    },
    {
      sid: 'IssueEcrPublicCredential',
      actions: ['ecr-public:GetAuthorizationToken', 'sts:GetServiceBearerToken'],
      resources: registries.some(({ type }) => type === 'ecr-public') ? ['*'] : [],
    },
    {
      sid: 'AssumePullRoles',
      actions: ['sts:AssumeRole'],
      resources: ecr.flatMap(({ roleArn }) => roleArn ?? []),
    },
    {
      sid: 'PullRepositories',
      actions: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
      resources: ownRoleEcr.flatMap((registry) => repositoryArns(scope, registry)),
    },
  ];
}

/**
 * Returns the ARN of a secret for a policy.
 *
 * Secrets Manager appends a hyphen and six random characters to a secret's name, so the ARN of a name ends in six
 * wildcards of one character each.
 *
 * @param nameOrArn - an ARN is returned as it is
 */
export function secretArn(scope: Construct, nameOrArn: string): string {
  if (nameOrArn.startsWith('arn:')) return nameOrArn;
  return Stack.of(scope).formatArn({
    service: 'secretsmanager',
    resource: 'secret',
    resourceName: `${nameOrArn}-??????`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}

function isEcr(registry: Registry): registry is EcrRegistry {
  return registry.type === 'ecr';
}

function repositoryArns(scope: Construct, registry: EcrRegistry): string[] {
  const stack = Stack.of(scope);
  return registry.repositories.map((resourceName) =>
    stack.formatArn({
      service: 'ecr',
      region: registry.region ?? stack.region,
      resource: 'repository',
      resourceName,
    }),
  );
}

function statement({ sid, actions, resources }: Permission): PolicyStatement {
  return new PolicyStatement({ sid, actions: [...actions], resources: [...resources] });
}
