import {
  Annotations,
  ArnFormat,
  CfnResource,
  Reference,
  Stack,
  Tokenization,
  Validations,
} from 'aws-cdk-lib';
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

/** How many managed policies a role can have: by default, and after a quota increase (IAM quotas). */
const MANAGED_POLICY_QUOTA = { default: 10, maximum: 20 } as const;

/**
 * The role of the refresher's function, and the security boundary of the system.
 *
 * The ECR credential at Runpod has the rights of this role, so it may pull only the configured repositories. It has
 * none of AWS's managed policies.
 */
export class ExecutionRole extends Role {
  /** @throws ConfigError when the settings name more resources than the policies of one role can hold */
  constructor(scope: Construct, id: string, props: ExecutionRoleProps) {
    super(scope, id, {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: 'Refreshes Runpod registry auths: pulls the configured repositories and nothing else',
    });
    const [inline = [], ...overflow] = packPermissions(permissions(this, props), POLICY_LIMITS, (arn) =>
      withoutOwnAddress(this, arn),
    );
    this.#checkQuota(overflow.length);
    const policy = new Policy(this, 'Permissions', { statements: inline.map(statement) });
    this.attachInlinePolicy(policy);
    const policies = [policy, ...overflow.map((more, index) => this.#managedPolicy(index + 1, more))];
    updateLastFirst(policies);
    Validations.of(this).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason:
        'ecr:GetAuthorizationToken, ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken support no resource-level permissions (Service Authorization Reference). The statement PullRepositories names each repository that the token can pull.',
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
        `The targets name more repositories, secrets and roles than one IAM role can hold: they need ${policies} managed policies, and IAM attaches at most ${MANAGED_POLICY_QUOTA.maximum} to a role. Divide the targets among several configurations, each with its own stackName.`,
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
  if (rest.length === 0) return arn;
  const foreign = rest.map((part) => (part === region || part === account ? '' : part));
  return [prefix, service, ...foreign].join(':');
}

function permissions(scope: Construct, { settings, logGroup }: ExecutionRoleProps): Permission[] {
  const registries = settings.targets.map(({ registry }) => registry);
  const ecr = registries.filter(isEcr);
  const ownRoleEcr = ecr.filter(({ roleArn }) => roleArn === undefined);
  return [
    {
      sid: 'WriteOwnLogs',
      inFirst: true,
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
      inFirst: true,
      actions: ['ecr:GetAuthorizationToken'],
      resources: ownRoleEcr.length > 0 ? ['*'] : [],
    },
    {
      sid: 'IssueEcrPublicCredential',
      inFirst: true,
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
 * @param nameOrArn - an ARN is returned unchanged, and so is a reference to a secret of the app, which becomes its ARN
 */
export function secretArn(scope: Construct, nameOrArn: string): string {
  if (nameOrArn.startsWith('arn:') || isReferenceToSecret(nameOrArn)) return nameOrArn;
  return Stack.of(scope).formatArn({
    service: 'secretsmanager',
    resource: 'secret',
    resourceName: `${nameOrArn}-??????`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}

/** Whether the text is a `Ref` of a secret, which becomes its ARN. */
function isReferenceToSecret(text: string): boolean {
  return Tokenization.reverseString(text).tokens.some(
    (token) =>
      Reference.isReference(token) &&
      token.displayName === 'Ref' &&
      CfnResource.isCfnResource(token.target) &&
      token.target.cfnResourceType === 'AWS::SecretsManager::Secret',
  );
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
