import { GetParameterError } from '@aws-lambda-powertools/parameters/errors';
import { type AwsCall, callAws, meaningOfAwsError } from '../../../lambda/core/aws';
import { OperatorMustActError, TransientError } from '../../../lambda/core/errors';
import { anAwsError } from '../../support/builders';
import { FakeClock, NOON } from '../../support/fake-clock';
import { findLeaksInError } from '../../support/find-leaks';
import { rejectionOf } from '../../support/thrown';

const CALL: AwsCall = {
  name: 'ecr:GetAuthorizationToken',
  deadlineMs: NOON + 60_000,
  reason: 'configuration-wrong',
};
const SECRET = 'rpa_Vq7Zt2LmXwK9QpB3sTyU';

describe('meaningOfAwsError', () => {
  it.each<[string, number, string]>([
    ['AccessDeniedException', 400, 'permission-missing'],
    ['AccessDenied', 403, 'permission-missing'],
    ['UnauthorizedOperation', 403, 'permission-missing'],
    ['ResourceNotFoundException', 400, 'configuration-wrong'],
    ['InvalidParameterException', 400, 'configuration-wrong'],
    ['UnrecognizedClientException', 400, 'configuration-wrong'],
    ['DecryptionFailure', 400, 'configuration-wrong'],
  ])('is an error that a person must fix for %s (%d)', (name, status, reason) => {
    const meaning = meaningOfAwsError(anAwsError(name, status, { message: 'told by AWS' }), CALL);

    expect(meaning).toBeInstanceOf(OperatorMustActError);
    expect(meaning).toMatchObject({ reason });
    expect(meaning.message).toBe(`ecr:GetAuthorizationToken: ${name}: told by AWS`);
  });

  it.each<[string, number]>([
    ['ThrottlingException', 400],
    ['Throttling', 400],
    ['TooManyRequestsException', 429],
    ['RequestLimitExceeded', 400],
    ['SlowDown', 400],
    ['ExpiredTokenException', 400],
    ['ExpiredToken', 403],
    ['RequestExpired', 400],
    ['RequestTimeout', 408],
    ['RequestTimeTooSkewed', 403],
    ['SomethingElse', 408],
    ['SomethingElse', 429],
    ['ServerException', 500],
    ['ServiceUnavailable', 503],
  ])('is transient for %s (%d)', (name, status) => {
    const meaning = meaningOfAwsError(anAwsError(name, status), CALL);

    expect(meaning).toBeInstanceOf(TransientError);
    expect(meaning.message).toContain(name);
  });

  it.each<[string, unknown, string]>([
    [
      'a timeout',
      Object.assign(new Error('x'), { name: 'TimeoutError' }),
      'no answer in time (TimeoutError)',
    ],
    [
      'a closed port',
      Object.assign(new Error('x'), { code: 'ECONNREFUSED' }),
      'connection refused (ECONNREFUSED)',
    ],
    [
      'missing credentials',
      Object.assign(new Error('x'), { name: 'CredentialsProviderError' }),
      'CredentialsProviderError',
    ],
    ['a parser error', new SyntaxError(`Unexpected token in ${SECRET}`), 'SyntaxError'],
    ['a text', SECRET, 'string'],
    ['nothing', undefined, 'undefined'],
  ])('keeps only the name of %s', (_, thrown, name) => {
    const meaning = meaningOfAwsError(thrown, CALL);

    expect(meaning).toBeInstanceOf(TransientError);
    expect(meaning.message).toBe(`ecr:GetAuthorizationToken: ${name}`);
    expect(findLeaksInError(meaning, { SECRET })).toEqual([]);
  });

  it('drops the message of a parser error that carries an HTTP status', () => {
    const thrown = Object.assign(new SyntaxError(`Unexpected token in ${SECRET}`), {
      $metadata: { httpStatusCode: 403 },
    });

    const meaning = meaningOfAwsError(thrown, CALL);

    expect(meaning.message).toBe('ecr:GetAuthorizationToken: SyntaxError');
  });

  it.each(['SignatureDoesNotMatch', 'InvalidSignatureException', 'IncompleteSignature'])(
    'drops the message of %s, which quotes the session token',
    (name) => {
      const meaning = meaningOfAwsError(anAwsError(name, 403, { message: `token:${SECRET}` }), CALL);

      expect(meaning.message).toBe(`ecr:GetAuthorizationToken: ${name}: AWS does not accept the signature`);
      expect(findLeaksInError(meaning, { SECRET })).toEqual([]);
    },
  );

  it('reads the error that Powertools wrapped', () => {
    const denied = anAwsError('AccessDeniedException', 400, { message: 'not authorized' });
    const wrapped = new GetParameterError(denied.message, { cause: denied });

    const meaning = meaningOfAwsError(wrapped, CALL);

    expect(meaning).toMatchObject({ reason: 'permission-missing' });
    expect(meaning.message).toBe('ecr:GetAuthorizationToken: AccessDeniedException: not authorized');
  });

  it('adds the fix that the call names for the error', () => {
    const call = { ...CALL, fixes: { ResourceNotFoundException: () => 'Create it with: this' } };

    const known = meaningOfAwsError(anAwsError('ResourceNotFoundException', 400), call);
    const other = meaningOfAwsError(anAwsError('InvalidParameterException', 400), call);

    expect(known.message).toMatch(/the service says so Create it with: this$/);
    expect(other.message).toMatch(/the service says so$/);
  });

  it('cuts a long message', () => {
    const meaning = meaningOfAwsError(anAwsError('AccessDenied', 403, { message: 'x'.repeat(5_000) }), CALL);

    expect(meaning.message.length).toBeLessThan(500);
  });
});

describe('callAws', () => {
  it('returns the result of the call', async () => {
    await expect(callAws(CALL, new FakeClock(), async () => 'token')).resolves.toBe('token');
  });

  it("never throws the SDK's own error", async () => {
    const failure = await rejectionOf(
      callAws(CALL, new FakeClock(), () => Promise.reject(anAwsError('AccessDenied', 403))),
    );

    expect(failure).toBeInstanceOf(OperatorMustActError);
    expect((failure as Error).cause).toBeUndefined();
  });

  it('stops waiting at the deadline', async () => {
    const call = { ...CALL, deadlineMs: NOON + 15 };

    const failure = await rejectionOf(callAws(call, new FakeClock(), () => new Promise(() => undefined)));

    expect(failure).toEqual(new TransientError('ecr:GetAuthorizationToken: no answer within 15 ms'));
  });

  it('does not start a call after the deadline', async () => {
    let sent = 0;
    const call = { ...CALL, deadlineMs: NOON };

    const failure = await rejectionOf(
      callAws(call, new FakeClock(), async () => {
        sent += 1;
      }),
    );

    expect(failure).toBeInstanceOf(TransientError);
    expect(sent).toBe(0);
  });
});
