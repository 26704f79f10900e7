import { AWS_CLIENT_DEFAULTS } from '../lambda/core/aws';
import { type AwsPlace, explainAwsError, webPageError } from './errors';

/** The class of an AWS client. */
export type AwsClientType<Client> = new (
  options: typeof AWS_CLIENT_DEFAULTS & { readonly region?: string },
) => Client;

/** The parts of an AWS client that this file uses. */
interface AnyAwsClient {
  readonly config: { region(): Promise<string> };
  readonly middlewareStack: {
    add(
      middleware: Middleware,
      options: { readonly step: string; readonly name: string; readonly priority?: string },
    ): void;
  };
}

type Handler = (args: { readonly request?: unknown }) => Promise<{ readonly response: unknown }>;

/** @param context - of one call, the same for each middleware */
type Middleware = (next: Handler, context: Record<string, unknown>) => Handler;

/** Keys in the context of a call: for its host, and for the status of a web page that answered. */
const [HOST, WEB_PAGE] = ['runpodEcrHost', 'runpodEcrWebPage'];

/**
 * Makes a client throw `AwsCallError`, which names host and region, when AWS does not answer or a web page answers.
 *
 * @returns the same client
 */
export function withPlaceInErrors<Client>(client: Client): Client {
  const { config, middlewareStack } = client as unknown as AnyAwsClient;
  const placeOf = async (context: Record<string, unknown>): Promise<AwsPlace | undefined> => {
    const host = context[HOST];
    if (typeof host !== 'string') return undefined;
    return {
      host,
      service: String(context.clientName).replace(/Client$/, ''),
      region: await config.region(),
    };
  };
  const explain: Middleware = (next, context) => async (args) => {
    const outcome = await next(args).catch((cause: unknown) => ({ cause }));
    const status = context[WEB_PAGE];
    const failed = 'cause' in outcome;
    if (!failed && typeof status !== 'number') return outcome;
    const place = await placeOf(context);
    if (place && typeof status === 'number') throw webPageError(place, status);
    if (failed) throw explainAwsError(outcome.cause, place) ?? outcome.cause;
    return outcome;
  };
  const noteHost: Middleware = (next, context) => async (args) => {
    context[HOST] = hostOf(args.request);
    return next(args);
  };
  const noteWebPage: Middleware = (next, context) => async (args) => {
    // This runs inside the deserializer, so that the answer is noted even when it cannot be parsed.
    const result = await next(args);
    context[WEB_PAGE] = statusOfWebPage(result.response);
    return result;
  };
  middlewareStack.add(explain, { step: 'initialize', name: 'explainErrors' });
  // The request exists from this step on. The retries are in the next one.
  middlewareStack.add(noteHost, { step: 'build', name: 'noteHost' });
  middlewareStack.add(noteWebPage, { step: 'deserialize', priority: 'low', name: 'noteWebPage' });
  return client;
}

function hostOf(request: unknown): string | undefined {
  if (typeof request !== 'object' || request === null) return undefined;
  const hostname: unknown = Reflect.get(request, 'hostname');
  const port: unknown = Reflect.get(request, 'port');
  return typeof hostname === 'string' ? `${hostname}${port ? `:${port}` : ''}` : undefined;
}

/** The status of an answer that is HTML; undefined for another answer. */
function statusOfWebPage(response: unknown): number | undefined {
  if (typeof response !== 'object' || response === null) return undefined;
  const headers = Reflect.get(response, 'headers') as Record<string, string> | undefined;
  const status: unknown = Reflect.get(response, 'statusCode');
  const isPage = /^text\/html/i.test(headers?.['content-type'] ?? '');
  return isPage && typeof status === 'number' && status < 500 ? status : undefined;
}

/**
 * The AWS clients of one run. The class of a client is an argument, so that a command loads the clients that it uses
 * and no others. Their errors name host and region.
 *
 * @example
 * clients.get(CloudFormationClient).send(new DescribeStacksCommand({ StackName }));
 */
export class AwsClients {
  readonly #byRegion = new Map<string, Map<unknown, unknown>>();
  readonly #region: string | undefined;

  /** @param region - of the stack. @default - that of the environment or of the profile */
  constructor(region?: string) {
    this.#region = region;
  }

  /** Returns a client, which is made once for each region. @param region - @default - the stack's region */
  get<Client>(type: AwsClientType<Client>, region = this.#region): Client {
    const ofRegion = this.#byRegion.get(region ?? '') ?? new Map<unknown, unknown>();
    this.#byRegion.set(region ?? '', ofRegion);
    const client =
      ofRegion.get(type) ??
      withPlaceInErrors(new type({ ...AWS_CLIENT_DEFAULTS, ...(region && { region }) }));
    ofRegion.set(type, client);
    return client as Client;
  }
}
