import {
  ApiKeyRefusedError,
  ApiUnsupportedError,
  asRefresherError,
  OperatorMustActError,
  RefreshFailedError,
  TransientError,
  UnexpectedError,
} from '../../../lambda/core/errors';
import { findLeaksInError } from '../../support/find-leaks';

const SECRET = 'rpa_Vq7Zt2LmXwK9QpB3sTyU';

describe('RefreshFailedError', () => {
  it('names each failed target with its reason and counts them', () => {
    const error = new RefreshFailedError(
      [
        { target: 'prod', error: new TransientError('Runpod answered 503') },
        { target: 'test', error: new OperatorMustActError('secret-unusable', 'secret x is empty') },
      ],
      5,
    );

    expect(error.name).toBe('RefreshFailedError');
    expect(error.stack).toMatch(/^RefreshFailedError\n +at .*errors\.test\.ts/);
    expect(error.message).toBe('2 of 5 targets failed. test: secret x is empty | prod: Runpod answered 503');
  });

  it('names a reason once for all targets that share it', () => {
    const failed = ['a', 'b', 'c'].map((target) => ({ target, error: new TransientError('Runpod is down') }));

    expect(new RefreshFailedError(failed, 3).message).toBe('3 of 3 targets failed. a, b, c: Runpod is down');
  });
});

describe('OperatorMustActError', () => {
  it('divides its message into the problem and the fix, and keeps the message for the log', () => {
    const message = 'secret x holds no key; store the key again';

    const error = new OperatorMustActError('secret-unusable', message, 'store the key again');

    expect(error.message).toBe(message);
    expect(error.problem).toBe('secret x holds no key');
    expect(Object.keys(error)).toEqual(['name', 'reason']);
  });

  it('has its whole message as the problem when there is no fix', () => {
    expect(new OperatorMustActError('configuration-wrong', 'x; y').problem).toBe('x; y');
  });
});

describe('asRefresherError', () => {
  it.each([
    new TransientError('x'),
    new OperatorMustActError('configuration-wrong', 'x'),
    new ApiKeyRefusedError('x'),
    new ApiUnsupportedError('x', 'final'),
  ])('returns a known error unchanged: %s', (error) => {
    expect(asRefresherError(error)).toBe(error);
  });

  it.each<[unknown, string]>([
    [new SyntaxError(`Unexpected token in ${SECRET}`), 'SyntaxError'],
    [new Error(`${SECRET}\n    at the second line of the message`), 'Error'],
    [SECRET, 'string'],
    [{ message: SECRET }, 'object'],
    [undefined, 'undefined'],
    [null, 'object'],
  ])('keeps only the class name of an unknown error (%#)', (thrown, name) => {
    const error = asRefresherError(thrown);

    expect(error).toBeInstanceOf(UnexpectedError);
    expect(error).toBeInstanceOf(TransientError);
    expect(error.message).toBe(`unexpected ${name}; the stack trace is in the log`);
    expect(error.cause).toBeUndefined();
    expect(findLeaksInError(error, { SECRET })).toEqual([]);
  });

  it('keeps the stack frames of an unknown error', () => {
    const thrown = new TypeError(`${SECRET} is not a function`);

    const { stack } = asRefresherError(thrown);

    expect(stack).toMatch(/^TransientError: unexpected TypeError; the stack trace is in the log\n\s+at /);
    expect(stack).toContain('errors.test.ts');
  });
});
