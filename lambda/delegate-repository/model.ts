/** The delegation, as the function and the stack share it. This file imports nothing. */

/** Type of the custom resource in a template. */
export const DELEGATION_RESOURCE_TYPE = 'Custom::RunpodEcrDelegation';

/** The `Sid` of our statement, by which it is found among the statements of others. */
export const STATEMENT_SID = 'RunpodEcrDelegation';

/** The roles with which Runpod pulls (docs.runpod.io, "Use private AWS ECR images"). */
export const RUNPOD_PRINCIPAL_ARNS = [
  'arn:aws:iam::550005742258:role/prod-us-east-1-deployment-role',
  'arn:aws:iam::550005742258:role/prod-us-west-2-deployment-role',
] as const;

/** The properties of the custom resource, as the template gives them and the function receives them. */
export interface DelegationProperties {
  /** The repository whose images Runpod may pull. */
  readonly repositoryArn: string;
  /** The roles that may pull; at least one. */
  readonly principalArns: readonly string[];
  /** Secrets Manager name or ARN of the Runpod API key. */
  readonly runpodApiKeySecretName: string;
  /** Base address of Runpod's REST API v2, the only one that has delegations. */
  readonly restV2Url: string;
  /** Name of the delegation at Runpod, given when it is registered. @default - none */
  readonly name?: string;
}
