import type { IncomingMessage } from 'node:http';

/** A request as a stand-in received it. */
export interface ReceivedRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** When the last byte arrived, by the machine's clock. Absent when the request did not come over a socket. */
  readonly at?: Date;
  /** The AWS action or the GraphQL field that is asked for. Absent for plain HTTP. */
  readonly operation?: string | undefined;
}

/** A stand-in's answer. A body that is an object is sent as JSON. */
export interface StandInAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Sent after the body: parts of a stream that stays open. The stream ends when the iteration ends. */
  readonly stream?: () => AsyncIterable<string>;
}

/** Returns a body as it is sent: text stays, anything else becomes JSON. */
export function textOf(body: unknown): string | undefined {
  return body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
}

/** Parses a body as a JSON object. Returns undefined when it is not JSON or not an object. */
export function parsedObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** Parses a body as a JSON object. Returns an empty object when it is not one. */
export function jsonObject(text: string): Record<string, unknown> {
  return parsedObject(text) ?? {};
}
