/** The protocol of a custom resource: reads CloudFormation's requests and answers them. */

import { InvalidEventError, OperatorMustActError, TransientError } from '../core/errors';
import type { SendHttp } from '../core/http';
import { isJsonObject, type JsonObject } from '../core/runpod/api';
import type { DelegationProperties } from './model';

/** A request of CloudFormation. Its `responseUrl` is signed and must not be logged. */
export interface CustomResourceRequest {
  readonly type: 'Create' | 'Update' | 'Delete';
  readonly responseUrl: string;
  readonly stackId: string;
  readonly requestId: string;
  readonly logicalResourceId: string;
  /** Absent only in a request to create the resource. */
  readonly physicalResourceId?: string;
  /** Not parsed yet, because CloudFormation must receive an answer about a mistake in them. */
  readonly properties: unknown;
  readonly oldProperties: unknown;
}

/** The answer to CloudFormation. */
export type Outcome =
  | {
      readonly status: 'SUCCESS';
      readonly physicalResourceId: string;
      readonly data?: Readonly<Record<string, string>>;
    }
  | { readonly status: 'FAILED'; readonly physicalResourceId: string; readonly reason: string };

/** Reads an event. @throws InvalidEventError when it is not a request of CloudFormation, which could not be answered */
export function parseRequest(event: unknown): CustomResourceRequest {
  const fields: JsonObject = isJsonObject(event) ? event : {};
  const text = (name: string) => {
    const value = fields[name];
    if (typeof value === 'string' && value !== '') return value;
    throw new InvalidEventError(`the event has no ${name}; this function answers only CloudFormation`);
  };
  const type = text('RequestType');
  if (type !== 'Create' && type !== 'Update' && type !== 'Delete') {
    throw new InvalidEventError('the event has an unknown RequestType');
  }
  return {
    type,
    responseUrl: text('ResponseURL'),
    stackId: text('StackId'),
    requestId: text('RequestId'),
    logicalResourceId: text('LogicalResourceId'),
    ...(type !== 'Create' && { physicalResourceId: text('PhysicalResourceId') }),
    properties: fields.ResourceProperties,
    oldProperties: fields.OldResourceProperties,
  };
}

/** Reads the properties of the resource. @throws OperatorMustActError that names the wrong one */
export function readProperties(value: unknown): DelegationProperties {
  const fields: JsonObject = isJsonObject(value) ? value : {};
  const text = (name: string) => {
    const found = fields[name];
    if (typeof found === 'string' && found !== '') return found;
    throw wrong(name, 'a string');
  };
  const { principalArns, name } = fields;
  const isList = Array.isArray(principalArns) && principalArns.every((arn) => typeof arn === 'string');
  if (!isList || principalArns.length === 0) throw wrong('principalArns', 'a list of role ARNs');
  if (name !== undefined && typeof name !== 'string') throw wrong('name', 'a string');
  return {
    repositoryArn: text('repositoryArn'),
    principalArns,
    runpodApiKeySecretName: text('runpodApiKeySecretName'),
    restV2Url: text('restV2Url'),
    ...(name !== undefined && { name }),
  };
}

function wrong(name: string, expected: string): OperatorMustActError {
  return new OperatorMustActError(
    'configuration-wrong',
    `the resource's property ${name} must be ${expected}`,
  );
}

/** Keeps an answer below its limit of 4,096 bytes (CloudFormation user guide, custom resource response objects). */
const MAX_REASON_CHARACTERS = 1_000;

/**
 * Sends the outcome to CloudFormation.
 *
 * @throws TransientError when CloudFormation does not accept it. Lambda then delivers the request again.
 */
export async function respond(
  http: SendHttp,
  request: CustomResourceRequest,
  outcome: Outcome,
  deadlineMs: number,
): Promise<void> {
  const body = JSON.stringify({
    Status: outcome.status,
    PhysicalResourceId: outcome.physicalResourceId,
    StackId: request.stackId,
    RequestId: request.requestId,
    LogicalResourceId: request.logicalResourceId,
    ...(outcome.status === 'FAILED' && { Reason: outcome.reason.slice(0, MAX_REASON_CHARACTERS) }),
    ...(outcome.status === 'SUCCESS' && { Data: outcome.data ?? {} }),
  });
  // The address is signed for a request without a content type.
  const headers = { 'content-type': '' };
  const { status } = await http({ method: 'PUT', url: request.responseUrl, headers, body }, { deadlineMs });
  if (status < 200 || status >= 300) {
    throw new TransientError(
      `CloudFormation did not accept the answer (${status}); Lambda delivers the request again`,
    );
  }
}
