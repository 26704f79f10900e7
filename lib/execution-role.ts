/**
 * What the function may do. This is the security boundary of the whole system: whoever holds the credential that
 * is handed to Runpod can do in ECR what this role can do.
 */

import { Annotations, ArnFormat, Stack, Validations } from 'aws-cdk-lib';
import { ManagedPolicy, Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { EcrRegistry, RefresherSettings, Registry } from '../lambda/core/model';
import { ConfigError } from './config/mistakes';
import { type Permission, type PolicyRoom, packPermissions } from './policy-packing';

/** Properties of `ExecutionRole`. */
export interface ExecutionRoleProps {
  /** What the function is told: its secrets, repositories and roles are the ones it may use. */
  readonly settings: RefresherSettings;
  /** The only log group it may write to. */
  readonly logGroup: ILogGroup;
}

/**
 * A role's inline policies hold 10,240 characters together and a managed policy 6,144 (IAM quotas). Some inline
 * room stays free for what other constructs grant the role.
 */
const ROOM: PolicyRoom = { first: 9_000, further: 6_100 };

/** Managed policies that a role can have: without a quota increase, and at all (IAM quotas). */
const ATTACHABLE = { byDefault: 10, atMost: 20 } as const;

/** The function's own role: statement by statement, nothing of AWS's ready-made policies. */
export class ExecutionRole extends Role {
  /** @throws ConfigError when the configuration names more resources than a role's policies can hold */
  constructor(scope: Construct, id: string, props: ExecutionRoleProps) {
    super(scope, id, {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: 'Refreshes Runpod registry auths: pulls the configured repositories and nothing else',
    });
    const [inline = [], ...overflow] = packPermissions(permissions(this, props), ROOM);
    this.#checkQuota(overflow.length);
    this.attachInlinePolicy(new Policy(this, 'Permissions', { statements: inline.map(statement) }));
    for (const [index, more] of overflow.entries()) {
      this.addManagedPolicy(
        new ManagedPolicy(this, `MorePermissions${index + 1}`, {
          description: `What did not fit into the inline policy, part ${index + 1}`,
          statements: more.map(statement),
        }),
      );
    }
    Validations.of(this).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason:
        'ecr:GetAuthorizationToken, and for ECR Public ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken, know no resource (Service Authorization Reference). What the token may pull is decided by the statement PullRepositories, which names each repository.',
    });
  }

  #checkQuota(policies: number): void {
    if (policies > ATTACHABLE.atMost) {
      throw new ConfigError(
        `The targets name more repositories, secrets and roles than one role can be allowed: they need ${policies} managed policies, and IAM attaches at most ${ATTACHABLE.atMost} to a role. Divide the targets among several configurations, each with its own stackName.`,
      );
    }
    if (policies > ATTACHABLE.byDefault) {
      Annotations.of(this).addWarningV2(
        'runpod-ecr-credential-refresher:managedPolicyQuota',
        `The targets need ${policies} managed policies on the function's role. IAM attaches ${ATTACHABLE.byDefault} unless the quota "Managed policies per role" was raised.`,
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

/** A secret as a policy names it: Secrets Manager puts a hyphen and six characters behind the name that a person gave. */
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
