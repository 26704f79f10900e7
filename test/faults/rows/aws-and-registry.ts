import type { Fault } from '../../../local/faults';
import { IMAGE, KEY_SECRET, type World } from '../../integration/world';
import { about, aws, both, type FaultGroup, type FaultRow, REFRESHED, registry } from '../fault-row';

const NOTHING = 'failed as transient, nothing sent';
const refusal = (type: string, status = 400): Fault => ({
  status,
  body: { __type: type, message: 'from AWS' },
});

/** The rows that are the same for both AWS calls. */
function ofCall(operation: string, denied: string): FaultRow[] {
  return about(operation, [
    { what: '500, twice', expected: REFRESHED['rest-v2'], arrange: aws(operation, { status: 500 }, 2) },
    { what: '500, always', expected: NOTHING, arrange: aws(operation, { status: 500 }), timeoutMs: 12_000 },
    { what: 'reset, once', expected: REFRESHED['rest-v2'], arrange: aws(operation, { reset: true }, 1) },
    {
      what: 'truncated answer, always',
      expected: NOTHING,
      arrange: aws(operation, { truncate: true }),
      timeoutMs: 12_000,
    },
    { what: 'no answer', expected: NOTHING, arrange: aws(operation, { hang: true }), timeoutMs: 7_000 },
    { what: 'not JSON', expected: NOTHING, arrange: aws(operation, { status: 200, body: '<html>' }) },
    {
      what: 'an empty object',
      expected: operation === 'GetSecretValue' ? 'failed as secret-unusable, nothing sent' : NOTHING,
      arrange: aws(operation, { status: 200, body: {} }),
    },
    {
      what: 'AccessDeniedException',
      expected: 'failed as permission-missing, nothing sent',
      arrange: aws(operation, refusal('AccessDeniedException')),
      short: true,
    },
    {
      what: 'ThrottlingException, twice',
      expected: REFRESHED['rest-v2'],
      arrange: aws(operation, refusal('ThrottlingException'), 2),
    },
    {
      what: 'ExpiredTokenException',
      expected: NOTHING,
      arrange: aws(operation, refusal('ExpiredTokenException')),
    },
    {
      what: 'RequestExpired: a clock is wrong',
      expected: NOTHING,
      arrange: aws(operation, refusal('RequestExpired')),
    },
    {
      what: 'ValidationException',
      expected: `failed as ${denied}, nothing sent`,
      arrange: aws(operation, refusal('ValidationException')),
    },
  ]);
}

/** Tokens that ECR must not send. */
const tokens: readonly FaultRow[] = (
  [
    ['not base64', { authorizationToken: '***' }],
    ['not text', { authorizationToken: Buffer.from([0xff, 0xfe, 0x3a, 0x80]).toString('base64') }],
    ['without a colon', { authorizationToken: Buffer.from('AWSsomething').toString('base64') }],
    ['without a password', { authorizationToken: Buffer.from('AWS:').toString('base64') }],
    ['without a user name', { authorizationToken: Buffer.from(':something-secret').toString('base64') }],
    ['empty', { authorizationToken: '' }],
    ['expired: a clock is wrong', { expiresAt: new Date('2020-01-01') }],
  ] satisfies [string, World['cloud']['aws']['ecr']['override']][]
).map(([what, override]) => ({
  what: `a token that is ${what}`,
  expected: NOTHING,
  arrange: ({ cloud }: World) => {
    cloud.aws.ecr.override = override;
  },
}));

const secrets: readonly FaultRow[] = (
  [
    ['with a space in it', 'rpa key-with-a-space-in-the-middle', 'failed as secret-unusable, nothing sent'],
    [
      'with a line break in it',
      'rpa_first-line-of-it\nsecond-line-of-it',
      'failed as secret-unusable, nothing sent',
    ],
    ['as broken JSON', '{"apiKey": "rpa_Qx7vTn2WzLk9Bd4Rj6Hs', 'failed as secret-unusable, nothing sent'],
    [
      'as JSON without apiKey',
      '{"key": "rpa_Qx7vTn2WzLk9Bd4Rj6Hs"}',
      'failed as secret-unusable, nothing sent',
    ],
    ['of another account', 'rpa_Qx7vTn2WzLk9Bd4Rj6HsYp', 'failed as api-key-refused, old one kept'],
  ] satisfies [string, string, string][]
).map(([what, value, expected]) => ({
  what: `an API key ${what}`,
  expected,
  arrange: (world: World) => world.putSecret(KEY_SECRET, value, value.slice(-16)),
}));

const required = [{ name: 'prod', verify: 'required' as const }];
const UNPROVED = 'refreshed over rest-v2, unproved';

const registryRows = about('registry', [
  {
    what: '401',
    expected: 'failed as credential-rejected, nothing sent',
    arrange: registry({}, { status: 401 }),
    short: true,
  },
  {
    what: '403',
    expected: 'failed as credential-rejected, nothing sent',
    arrange: registry({}, { status: 403 }),
  },
  { what: '404', expected: UNPROVED, arrange: registry({}, { status: 404 }) },
  { what: '429, once', expected: REFRESHED['rest-v2'], arrange: registry({}, { status: 429 }, 1) },
  { what: '503, always', expected: UNPROVED, arrange: registry({}, { status: 503 }), short: true },
  {
    what: '503, always, proof required',
    expected: NOTHING,
    targets: required,
    arrange: registry({}, { status: 503 }),
  },
  {
    what: 'a redirect',
    expected: UNPROVED,
    arrange: registry({}, { status: 307, headers: { location: 'http://127.0.0.1:1/' } }),
  },
  {
    what: 'a redirect, proof required',
    expected: 'failed as image-unproved, nothing sent',
    targets: required,
    arrange: registry({}, { status: 307 }),
  },
  { what: 'reset, always', expected: UNPROVED, arrange: registry({}, { reset: true }) },
  {
    what: 'reset, always, proof required',
    expected: NOTHING,
    targets: required,
    arrange: registry({}, { reset: true }),
  },
  { what: 'no answer', expected: NOTHING, arrange: registry({}, { hang: true }), timeoutMs: 7_000 },
  { what: '2 MB', expected: UNPROVED, arrange: registry({}, { status: 200, body: 'x'.repeat(2_000_000) }) },
  {
    what: 'the image does not exist',
    expected: UNPROVED,
    targets: [{ name: 'prod', verifyImage: 'my-worker:gone' }],
  },
  {
    what: 'the image does not exist, proof required',
    expected: 'failed as image-unproved, nothing sent',
    targets: [{ name: 'prod', verify: 'required' as const, verifyImage: 'my-worker:gone' }],
  },
  {
    what: 'the image may not be pulled',
    expected: 'failed as credential-rejected, nothing sent',
    targets: [{ name: 'prod', verifyImage: IMAGE }],
    arrange: ({ cloud }: World) => void cloud.registry.denied.add('my-worker'),
  },
]);

/** Faults of AWS and of the registry. */
export const AWS_AND_REGISTRY: FaultGroup = {
  about: 'AWS and the registry',
  rows: [
    ...ofCall('GetAuthorizationToken', 'configuration-wrong'),
    ...ofCall('GetSecretValue', 'secret-unusable'),
    ...tokens,
    ...secrets,
    {
      what: 'the secret is missing',
      expected: 'failed as secret-unusable, nothing sent',
      arrange: ({ cloud }) => cloud.aws.secrets.remove(KEY_SECRET),
    },
    {
      what: 'ECR and Secrets Manager down together',
      expected: NOTHING,
      arrange: both(aws('GetAuthorizationToken', { status: 503 }), aws('GetSecretValue', { status: 503 })),
      timeoutMs: 12_000,
    },
    ...registryRows,
  ],
};
