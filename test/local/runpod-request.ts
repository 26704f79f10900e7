import type { RunpodStandIn } from '../../local/runpod/runpod';
import { jsonOf, sendRequest } from './send-request';

/** What Runpod's stand-in answered. */
export interface RunpodAnswer {
  readonly status: number;
  readonly type: string | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  /** Undefined where the answer has no body; text where it is no JSON. */
  readonly body: unknown;
}

/** Sends requests to the stand-in as a client with this key does. */
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
