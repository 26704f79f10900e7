import { LOCAL_ACCOUNT } from '../aws/protocol';
import { LOCAL_REGION } from '../cloud';
import type { ReceivedRequest, StandInAnswer } from '../exchange';
import type { Invocation, LambdaRuntime } from '../lambda-runtime';
import { StandInServer } from '../stand-in-server';

/** Lambda returns this many bytes of the end of the log with an answer. */
const LOG_TAIL_BYTES = 4_096;

/** A function that can be invoked by its name. */
export interface InvocableFunction {
  readonly runtime: LambdaRuntime;
  /** Called after every invocation. */
  readonly onInvoked: (invocation: Invocation<unknown>) => void;
  /** The environment variables of the template. @default - none */
  readonly environment?: Readonly<Record<string, string>>;
  /** Lambda's `LoggingConfig`. @default - the log is text */
  readonly logging?: { LogFormat: 'JSON' | 'Text'; ApplicationLogLevel?: string };
}

/** Lambda's `Invoke`, which runs a function's real bundle and waits for the result, and `GetFunctionConfiguration`. */
export class FunctionApi extends StandInServer {
  /** Functions by name. */
  readonly functions = new Map<string, InvocableFunction>();
  /** Answers every invocation with AccessDeniedException while it is set. */
  forbidden = false;
  /** The events of all invocations. An event is added before its function runs. */
  readonly received: unknown[] = [];

  /** Stops every function and closes the server. */
  override async close(): Promise<void> {
    await Promise.all([...this.functions.values()].map(({ runtime }) => runtime.stop()));
    await super.close();
  }

  protected async answer({ path, body }: ReceivedRequest): Promise<StandInAnswer> {
    const [, name = '', what] = /\/functions\/([^/]+)\/(invocations|configuration)$/.exec(path) ?? [];
    const invocable = this.functions.get(decodeURIComponent(name));
    if (this.forbidden) return refusal(403, 'AccessDeniedException', NOT_ALLOWED);
    if (!invocable) return refusal(404, 'ResourceNotFoundException', `Function not found: ${name}`);
    if (what === 'configuration') {
      const LoggingConfig = invocable.logging ?? { LogFormat: 'Text' };
      const Environment = { Variables: invocable.environment ?? {} };
      return {
        status: 200,
        body: { FunctionName: name, FunctionArn: functionArn(name), LoggingConfig, Environment },
      };
    }
    const event: unknown = JSON.parse(body || '{}');
    this.received.push(event);
    const invocation = await invocable.runtime.invoke(event);
    invocable.onInvoked(invocation);
    const headers = {
      'x-amz-log-result': Buffer.from(invocation.output).subarray(-LOG_TAIL_BYTES).toString('base64'),
      ...(invocation.error && { 'x-amz-function-error': 'Unhandled' }),
    };
    return { status: 200, headers, body: JSON.stringify(invocation.error ?? invocation.result ?? null) };
  }
}

/** Returns the ARN of a function of the operator's own account. */
export function functionArn(name: string): string {
  return `arn:aws:lambda:${LOCAL_REGION}:${LOCAL_ACCOUNT}:function:${name}`;
}

const NOT_ALLOWED = 'User: arn:aws:iam::123456789012:user/operator is not authorized: lambda:InvokeFunction';

function refusal(status: number, code: string, message: string): StandInAnswer {
  return { status, headers: { 'x-amzn-errortype': code }, body: { Type: 'User', Message: message } };
}
