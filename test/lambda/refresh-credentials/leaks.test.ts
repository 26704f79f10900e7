import { inspect } from 'node:util';
import { callAws } from '../../../lambda/core/aws';
import { TransientError } from '../../../lambda/core/errors';
import { createHttp, DEFAULT_RETRY_POLICY } from '../../../lambda/core/http';
import type { RunpodSettings, Target } from '../../../lambda/core/model';
import { type AuthorizationData, decodeAuthorizationToken } from '../../../lambda/core/registries/ecr';
import { createProof } from '../../../lambda/core/registries/proof';
import { createRoutes, RunpodAccount } from '../../../lambda/core/runpod/account';
import { createSecretReader } from '../../../lambda/core/secrets';
import { assertConfidential, type HttpAnswer, type HttpRequest } from '../../../lambda/core/transport';
import { createHandler } from '../../../lambda/refresh-credentials/handler';
import { aLambdaContext, anAnswer, anAwsError, aTarget, someSettings } from '../../support/builders';
import { captureTelemetry } from '../../support/captured-telemetry';
import { FakeClock, NOON } from '../../support/fake-clock';
import { findLeaks } from '../../support/find-leaks';
import { respondingTransport } from '../../support/scripted-transport';
import { anAwsRefusal, aSecretsManager, theSecret, type WireAnswer } from '../../support/secrets-manager';

const KEY = 'rpa_Vq7Zt2LmXwK9QpB3sTyUhJ5n';
const PASSWORD = 'eyJwYXls"b2Fk:R3x/Kq8+Wz=\\ü\nN4vT6mPd';
const TOKEN = Buffer.from(`AWS:${PASSWORD}`).toString('base64');
const SECRETS = { KEY, PASSWORD, TOKEN };

/** What goes wrong in one run of the function; everything else works. */
interface Scenario {
  readonly secret?: WireAnswer;
  readonly ecr?: () => Promise<AuthorizationData>;
  readonly registry?: (request: HttpRequest) => HttpAnswer | Error;
  readonly runpod?: (request: HttpRequest) => HttpAnswer | Error;
  readonly target?: Partial<Target>;
  readonly api?: RunpodSettings['api'];
  readonly event?: unknown;
}

/** An answer that echoes its request, like the debug page of a server. */
function echo(status: number, { headers, body, url }: HttpRequest, type = 'application/json'): HttpAnswer {
  const echoed = { message: `${headers.authorization} sent ${body}`, detail: { headers, body, url } };
  const errors = [{ message: echoed.message, extensions: { code: echoed.message } }];
  const text = JSON.stringify({ ...echoed, errors, data: { [echoed.message]: echoed }, id: echoed.message });
  return {
    status,
    headers: {
      'content-type': type,
      'retry-after': headers.authorization,
      ratelimit: `"${headers.authorization}";r=0;t=1`,
      location: `https://example.com/${headers.authorization}`,
    },
    body: type === 'application/json' ? text : `<html>${text}`,
  };
}

/** An error that quotes the request. */
function quoting({ headers, body }: HttpRequest): Error {
  const message = `Invalid value "${headers.authorization}" beside ${body}`;
  return Object.assign(new TypeError(message, { cause: new Error(message) }), { headers, body });
}

const works = (request: HttpRequest) =>
  request.method === 'GET'
    ? anAnswer(200, { registries: [{ id: 'auth-prod', name: 'ecr-prod' }] })
    : anAnswer(200, { id: 'auth-prod', name: 'ecr-prod' });

const TOKEN_DATA = {
  authorizationToken: TOKEN,
  expiresAt: new Date(NOON + 12 * 3_600_000),
  proxyEndpoint: 'https://123456789012.dkr.ecr.us-east-1.amazonaws.com',
};

/** Runs the function and collects its log, its result and its error. `sent` has the requests. */
async function outputOf(scenario: Scenario): Promise<{ output: string; failed: boolean; sent: string }> {
  const clock = new FakeClock();
  const settings = someSettings({ targets: [aTarget(scenario.target)] });
  const { transport, sent } = respondingTransport((request) => {
    assertConfidential(request.url);
    const respond = request.url.includes('amazonaws.com') ? scenario.registry : scenario.runpod;
    return (respond ?? works)(request);
  });
  const http = createHttp({ transport, clock, policy: DEFAULT_RETRY_POLICY });
  const runpod = { ...settings.runpod, ...(scenario.api && { api: scenario.api }) };
  const { client } = aSecretsManager(scenario.secret ?? theSecret(KEY));
  const telemetry = captureTelemetry();
  const handler = createHandler({
    settings,
    services: {
      clock,
      createSecretReader: () => createSecretReader(client, clock),
      issueCredential: async (_, { deadlineMs }) => {
        const call = {
          name: 'ecr:GetAuthorizationToken',
          deadlineMs,
          reason: 'configuration-wrong',
        } as const;
        const data = await callAws(call, clock, scenario.ecr ?? (async () => TOKEN_DATA));
        return { ...decodeAuthorizationToken(data, clock.now()), basicAtOnce: true };
      },
      prove: createProof(http),
      createAccount: () => new RunpodAccount(createRoutes(http, runpod), clock),
    },
    ...telemetry,
  });

  const outcome: unknown = await handler(scenario.event ?? {}, aLambdaContext()).catch(
    (error: unknown) => error,
  );

  const failed = outcome instanceof Error;
  const thrown = failed ? `${outcome.name} ${outcome.message} ${outcome.stack}` : '';
  const output = [telemetry.output(), thrown, JSON.stringify(outcome), inspect(outcome, { depth: 9 })].join(
    '\n',
  );
  return { output, failed, sent: JSON.stringify(sent) };
}

const RUNPOD_STATUSES = [200, 201, 204, 302, 400, 401, 403, 404, 409, 410, 422, 429, 500, 501, 503];
const APIS = ['rest-v2', 'rest-v1', 'graphql', 'auto'] as const;
const BY_NAME: Partial<Target> = { registryAuthName: 'ecr-new' };

const FAILING_SCENARIOS: [string, Scenario][] = [
  ...RUNPOD_STATUSES.flatMap((status): [string, Scenario][] =>
    APIS.flatMap((api): [string, Scenario][] => [
      [
        `Runpod echoes ${status} to an update over ${api}`,
        { api, runpod: (request) => echo(status, request) },
      ],
      [
        `Runpod echoes ${status} to a creation over ${api}`,
        {
          api,
          target: BY_NAME,
          runpod: (request) => {
            const lists = request.method === 'GET' || request.body?.includes('query RegistryAuths');
            return lists
              ? anAnswer(200, { registries: [], data: { myself: { containerRegistryCreds: [] } } })
              : echo(status, request);
          },
        },
      ],
    ]),
  ),
  ['Runpod echoes a web page', { runpod: (request) => echo(200, request, 'text/html') }],
  ['Runpod echoes a web page from the edge', { runpod: (request) => echo(403, request, 'text/html') }],
  ['Runpod answers half an echo', { runpod: (request) => ({ ...echo(200, request), body: `{"a":"${KEY}` }) }],
  ['Runpod cannot be reached', { runpod: () => new TransientError('PATCH api.runpod.io: ECONNRESET') }],
  ['sending to Runpod throws an error that quotes the request', { runpod: quoting }],
  ['sending to the registry throws an error that quotes the request', { registry: quoting }],
  ...[401, 403].map((status): [string, Scenario] => [
    `the registry echoes ${status}`,
    { registry: (request) => echo(status, request) },
  ]),
  ...[302, 404, 429, 500].map((status): [string, Scenario] => [
    `the registry echoes ${status} when proof is required`,
    { registry: (request) => echo(status, request), target: { verify: 'required', verifyImage: 'worker:1' } },
  ]),
  ['the secret is half an object', { secret: theSecret(`{"apiKey":"${KEY}"`) }],
  ['the secret has another field', { secret: theSecret(JSON.stringify({ key: KEY })) }],
  ['the secret has two words', { secret: theSecret(`Bearer ${KEY}`) }],
  ['the secret is UTF-16 text', { secret: theSecret(Buffer.from(KEY, 'utf16le')) }],
  ['the answer with the secret is cut off', { secret: { status: 200, body: `{"SecretString":"${KEY}` } }],
  ['the answer with the secret is not JSON', { secret: { status: 200, body: `${KEY}` } }],
  ['the secret may not be read', { secret: anAwsRefusal('AccessDeniedException', 400, 'not authorized') }],
  [
    'the token has no colon',
    {
      ecr: async () => ({
        ...TOKEN_DATA,
        authorizationToken: Buffer.from(PASSWORD.replaceAll(':', '')).toString('base64'),
      }),
    },
  ],
  [
    'the token is not base64',
    { ecr: async () => ({ ...TOKEN_DATA, authorizationToken: `AWS:${PASSWORD}` }) },
  ],
  ['the token has expired', { ecr: async () => ({ ...TOKEN_DATA, expiresAt: new Date(NOON - 1) }) }],
  ['the token comes without a registry address', { ecr: async () => ({ ...TOKEN_DATA, proxyEndpoint: '' }) }],
  [
    'the registry address of the token is not a URL',
    { ecr: async () => ({ ...TOKEN_DATA, proxyEndpoint: `${KEY}` }) },
  ],
  [
    'the answer of ECR is not JSON',
    { ecr: () => Promise.reject(new SyntaxError(`Unexpected token in ${TOKEN}`)) },
  ],
  [
    'the answer of ECR is not JSON and the SDK attaches it',
    {
      ecr: () =>
        Promise.reject(
          Object.assign(new SyntaxError(TOKEN), {
            $response: { body: TOKEN },
            $metadata: { httpStatusCode: 200 },
          }),
        ),
    },
  ],
  ['ECR denies the token', { ecr: () => Promise.reject(anAwsError('AccessDeniedException', 400)) }],
  ['the event is not understood', { event: { target: 'prod' } }],
];

describe('createHandler in a run that fails', () => {
  it.each(FAILING_SCENARIOS)('reveals no secret when %s', async (_, scenario) => {
    const { output, failed } = await outputOf(scenario);

    expect(failed).toBe(true);
    expect(findLeaks(output, SECRETS)).toEqual([]);
  });
});

describe('createHandler in a run that succeeds', () => {
  const unverified: Scenario = { registry: (request) => echo(500, request) };

  it.each<[string, Scenario]>([
    ['everything is refreshed', {}],
    ['the registry echoes an outage', unverified],
    ['nothing is written', { event: { dryRun: true } }],
  ])('reveals no secret when %s', async (_, scenario) => {
    const { output, failed } = await outputOf(scenario);

    expect(failed).toBe(false);
    expect(output).toContain('run finished');
    expect(findLeaks(output, SECRETS)).toEqual([]);
  });

  it('sends every secret, so that the searches above can find one', async () => {
    const { sent } = await outputOf({});

    expect(new Set(findLeaks(sent, SECRETS).map(({ secret }) => secret))).toEqual(
      new Set(['KEY', 'PASSWORD', 'TOKEN']),
    );
  });
});
