import { type ReceivedRequest, type StandInAnswer, StandInServer } from '../stand-in-server';
import { AwsError } from './aws-error';
import { queryError } from './query-protocol';

const JSON_1_1 = { 'content-type': 'application/x-amz-json-1.1' };
const XML = { 'content-type': 'text/xml' };

/** A socket that speaks AWS's two older protocols: JSON 1.1, which names its target in a header, and Query. */
export abstract class AwsServer extends StandInServer {
  /** @throws AwsError */
  protected abstract answerJson(request: ReceivedRequest): object;

  /** @returns XML @throws AwsError */
  protected abstract answerQuery(request: ReceivedRequest): string;

  protected override operationOf({ headers, body }: ReceivedRequest): string | undefined {
    const target = headers['x-amz-target'];
    if (typeof target === 'string') return target.split('.').at(-1);
    return new URLSearchParams(body).get('Action') ?? undefined;
  }

  protected answer(request: ReceivedRequest): StandInAnswer {
    const isQuery = request.headers['x-amz-target'] === undefined;
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
