import fc from 'fast-check';
import { TransientError } from '../../../../lambda/core/errors';
import {
  type AuthorizationData,
  decodeAuthorizationToken,
  ecrCacheKey,
  registryOfAccount,
} from '../../../../lambda/core/registries/ecr';
import { anEcrRegistry } from '../../../support/builders';
import { NOON } from '../../../support/fake-clock';
import { findLeaksInError } from '../../../support/find-leaks';
import { thrownBy } from '../../../support/thrown';

const ROLE = 'arn:aws:iam::210987654321:role/pull';

describe('ecrCacheKey', () => {
  it('is equal for registries that differ only in their repositories', () => {
    const one = anEcrRegistry({ repositories: ['a'] });
    const other = anEcrRegistry({ repositories: ['b', 'c'] });

    expect(ecrCacheKey(one)).toBe(ecrCacheKey(other));
  });

  it.each([
    ['region', { region: 'eu-central-1' }],
    ['role', { roleArn: ROLE }],
    ['external id', { roleArn: ROLE, externalId: 'x' }],
  ])('differs for registries with another %s', (_, differences) => {
    const keys = new Set(
      [anEcrRegistry(), anEcrRegistry({ roleArn: `${ROLE}2` }), anEcrRegistry(differences)].map(ecrCacheKey),
    );

    expect(keys.size).toBe(3);
  });
});

const LATER = new Date(NOON + 12 * 3_600_000);
const PASSWORD = 'eyJVq7Zt2LmXwK9QpB3sTyU';

function encode(pair: string | Buffer): string {
  return Buffer.from(pair as string).toString('base64');
}

function someData(differences: Partial<AuthorizationData> = {}): AuthorizationData {
  return {
    authorizationToken: encode(`AWS:${PASSWORD}`),
    expiresAt: LATER,
    proxyEndpoint: 'https://123456789012.dkr.ecr.us-east-1.amazonaws.com',
    ...differences,
  };
}

describe('decodeAuthorizationToken', () => {
  it('returns user name, password, expiry time and registry address', () => {
    const credential = decodeAuthorizationToken(someData(), NOON);

    expect(credential).toMatchObject({
      username: 'AWS',
      expiresAt: LATER,
      registryUrl: 'https://123456789012.dkr.ecr.us-east-1.amazonaws.com',
    });
    expect(credential.password.reveal()).toBe(PASSWORD);
  });

  it('splits every token at its first colon', () => {
    const passwords = fc.oneof(
      fc.string({ minLength: 1, unit: 'grapheme' }),
      fc.string({ minLength: 2_500, maxLength: 3_100, unit: 'binary-ascii' }),
      fc
        .array(fc.constantFrom(':', 'a', '=', '/', '\n', 'ü'), { minLength: 1 })
        .map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(passwords, (password) => {
        const credential = decodeAuthorizationToken(
          someData({ authorizationToken: encode(`AWS:${password}`) }),
          NOON,
        );

        expect(credential.username).toBe('AWS');
        expect(credential.password.reveal()).toBe(password);
      }),
    );
  });

  it('accepts a token without padding', () => {
    const token = encode('AWS:ab').replace(/=+$/, '');

    expect(decodeAuthorizationToken(someData({ authorizationToken: token }), NOON).password.reveal()).toBe(
      'ab',
    );
  });

  it('removes slashes from the end of the address', () => {
    const data = someData({ proxyEndpoint: 'https://example.dkr-ecr.us-east-1.on.aws//' });

    expect(decodeAuthorizationToken(data, NOON).registryUrl).toBe('https://example.dkr-ecr.us-east-1.on.aws');
  });

  it.each<[string, AuthorizationData | undefined]>([
    ['no token', undefined],
    ['no token', {}],
    ['no token', someData({ authorizationToken: '' })],
    ['a token that is not base64', someData({ authorizationToken: `AWS:${PASSWORD}` })],
    ['a token that is not base64', someData({ authorizationToken: `${encode(`AWS:${PASSWORD}`)}\n` })],
    ['a token that is not base64', someData({ authorizationToken: `${encode('AWS:abc')}A` })],
    ['a token that is not base64', someData({ authorizationToken: 'AAA6AB==' })],
    ['a token that is not text', someData({ authorizationToken: encode(Buffer.from([65, 58, 0xff, 0xfe])) })],
    ['a token without a colon', someData({ authorizationToken: encode(PASSWORD) })],
    ['a token without a password', someData({ authorizationToken: encode('AWS:') })],
    ['a token without a user name', someData({ authorizationToken: encode(`:${PASSWORD}`) })],
    ['no expiry time', someData({ expiresAt: undefined })],
    ['no expiry time', someData({ expiresAt: new Date(Number.NaN) })],
    ['a token that expired at 2026-11-21T12:00:00.000Z', someData({ expiresAt: new Date(NOON) })],
    ['no registry address', someData({ proxyEndpoint: undefined })],
    ['no registry address', someData({ proxyEndpoint: '' })],
  ])('refuses an answer with %s without quoting it (%#)', (found, data) => {
    const error = thrownBy(() => decodeAuthorizationToken(data, NOON));

    expect(error).toEqual(
      new TransientError(`ecr:GetAuthorizationToken answered with ${found}; nothing was sent to Runpod`),
    );
    expect(findLeaksInError(error, { PASSWORD })).toEqual([]);
  });

  it('decodes or refuses any token', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String()), (token) => {
        try {
          const { username, password } = decodeAuthorizationToken(
            someData({ authorizationToken: token }),
            NOON,
          );
          return withoutPadding(encode(`${username}:${password.reveal()}`)) === withoutPadding(token);
        } catch (error) {
          return error instanceof TransientError;
        }
      }),
      { numRuns: 300 },
    );
  });
});

function withoutPadding(base64: string): string {
  return base64.replace(/=+$/, '');
}

describe('registryOfAccount', () => {
  it.each([
    [
      'https://123456789012.dkr.ecr.us-east-1.amazonaws.com',
      'https://210987654321.dkr.ecr.us-east-1.amazonaws.com',
    ],
    ['https://123456789012.dkr-ecr.us-east-1.on.aws', 'https://210987654321.dkr-ecr.us-east-1.on.aws'],
    ['http://127.0.0.1:5000', 'http://127.0.0.1:5000'],
  ])('puts the account in the place of the one in %s', (address, expected) => {
    expect(registryOfAccount(address, '210987654321')).toBe(expected);
  });

  it('returns the address unchanged without an account', () => {
    expect(registryOfAccount('https://123456789012.dkr.ecr.us-east-1.amazonaws.com', undefined)).toBe(
      'https://123456789012.dkr.ecr.us-east-1.amazonaws.com',
    );
  });
});
