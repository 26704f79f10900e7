import type { RunpodStandIn } from '../../local/runpod/runpod';
import { jsonOf, sendRequest } from './send-request';

/** An answer of the Runpod stand-in. */
export interface RunpodAnswer {
  readonly status: number;
  readonly type: string | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  /** Undefined when there is no body; text when it is not JSON. */
  readonly body: unknown;
}

/** Returns a function that sends requests with this key to the stand-in. */
export function runpodClient(runpod: RunpodStandIn, key: string, agent = 'a-test/1.0') {
  return async (method: string, path: string, body?: unknown): Promise<RunpodAnswer> => {
    const headers = { authorization: `Bearer ${key}`, ...(agent && { 'user-agent': agent }) };
    const answer = await sendRequest(runpod.url + path, { method, headers, body });
    const type = answer.headers['content-type'];
    return {
      status: answer.status,
      type,
      headers: answer.headers,
      body: answer.text === '' ? undefined : type?.includes('json') ? jsonOf(answer) : answer.text,
    };
  };
}
