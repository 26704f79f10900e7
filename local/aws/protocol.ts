/** How AWS's services speak: signed requests, the protocols JSON 1.1 and Query, and their errors. */

import { parsedObject, type ReceivedRequest, type StandInAnswer } from '../exchange';
import { StandInServer } from '../stand-in-server';

/** The account of the embedded cloud. */
export const LOCAL_ACCOUNT = '123456789012';

/** The input of a JSON action, not validated. */
export type JsonInput = Readonly<Record<string, unknown>>;

/** An error with the code and message that AWS uses. */
export class AwsError extends Error {
  override readonly name = 'AwsError';
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

const JSON_1_1 = { 'content-type': 'application/x-amz-json-1.1' };
const XML = { 'content-type': 'text/xml' };

/** A stand-in for services that use JSON 1.1 (action in a header, JSON body) or Query (form in, XML out). */
export abstract class AwsServer extends StandInServer {
  /** @throws AwsError */
  protected abstract answerJson(request: ReceivedRequest): object;

  /**
   * @returns XML
   * @throws AwsError
   */
  protected abstract answerQuery(request: ReceivedRequest): string;

  protected override operationOf({ headers, body }: ReceivedRequest): string | undefined {
    const target = headers['x-amz-target'];
    if (typeof target === 'string') return target.split('.').at(-1);
    return new URLSearchParams(body).get('Action') ?? undefined;
  }

  protected answer(request: ReceivedRequest): StandInAnswer {
    const isQuery = usesQuery(request);
    try {
      return isQuery
        ? { status: 200, headers: XML, body: this.answerQuery(request) }
        : { status: 200, headers: JSON_1_1, body: this.answerJson(request) };
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      const { code, message, status } = error;
      if (isQuery) return { status, headers: XML, body: queryError(error) };
      const headers = { ...JSON_1_1, 'x-amzn-errortype': code };
      return { status, headers, body: { __type: code, message, Message: message } };
    }
  }
}

function usesQuery({ headers }: ReceivedRequest): boolean {
  return headers['x-amz-target'] === undefined;
}

/**
 * Parses the body of a JSON request.
 *
 * @throws AwsError when it is not a JSON object
 */
export function jsonInput({ body }: ReceivedRequest): JsonInput {
  const input = parsedObject(body);
  if (!input) throw new AwsError('SerializationException', 'the body is not a JSON object');
  return input;
}

/**
 * Returns the XML answer to a Query action.
 *
 * @param result - XML
 */
export function queryAnswer(namespace: string, action: string, result: string): string {
  return `<${action}Response xmlns="${namespace}"><${action}Result>${result}</${action}Result></${action}Response>`;
}

function queryError({ code, message }: AwsError): string {
  return `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${escapeXml(message)}</Message></Error></ErrorResponse>`;
}

/** Escapes text for XML. */
export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Who sent a request and for which region, as read from its signature. */
export interface Caller {
  /** The ARN of the assumed role, or the access key when no role was assumed. */
  readonly principal: string;
  readonly accountId: string;
  /** The caller's ARN as AWS writes it in messages. */
  readonly arn: string;
  readonly region: string;
  /** The service's name in the signature, such as `sts` or `monitoring`. */
  readonly service: string;
}

/**
 * Reads the caller from a request's signature, without checking the signature.
 *
 * @throws AwsError when the request is not signed
 */
export function callerOf(request: ReceivedRequest): Caller {
  const scope = /Credential=([^/]+)\/\d+\/([^/]+)\/([^/]+)\//.exec(request.headers.authorization ?? '');
  if (!scope) throw unsigned(request);
  const [, accessKey = '', region = '', service = ''] = scope;
  const principal = principalOf(accessKey);
  if (principal === accessKey) {
    const arn = `arn:aws:sts::${LOCAL_ACCOUNT}:assumed-role/refresher/embedded`;
    return { principal, accountId: LOCAL_ACCOUNT, arn, region, service };
  }
  const [, , , , accountId = '', role = ''] = principal.split(':');
  const roleName = role.split('/').at(-1);
  const arn = `arn:aws:sts::${accountId}:assumed-role/${roleName}/embedded`;
  return { principal, accountId, arn, region, service };
}

function unsigned(request: ReceivedRequest): AwsError {
  return usesQuery(request)
    ? new AwsError('MissingAuthenticationToken', 'Request is missing Authentication Token', 403)
    : new AwsError('MissingAuthenticationTokenException', 'Missing Authentication Token');
}

/** Returns the access key of an assumed role. The key contains the role's ARN, so that a request shows its caller. */
export function accessKeyOf(roleArn: string): string {
  return `ASIA${Buffer.from(roleArn).toString('hex')}`;
}

function principalOf(accessKey: string): string {
  const hex = /^ASIA([0-9a-f]+)$/.exec(accessKey)?.[1];
  return hex ? Buffer.from(hex, 'hex').toString() : accessKey;
}
