import { CliError, debugLines, describeAwsError, explainAwsError, nameFix } from '../../cli/errors';
import { findLeaks } from '../support/find-leaks';

const KEY = 'rpa_Vq7Zt2LmXwK9QpB3sTyU';

const TOKEN = 'FwoGZXIvYXdzEJr//////////wEaDExample';

/** What AWS says about a wrong signature (IAM User Guide, "Troubleshoot Signature Version 4 signing"). */
const CANONICAL_REQUEST = `The request signature we calculated does not match the signature you provided. The Canonical String for this request should have been 'POST\n/\n\nhost:sts.amazonaws.com\nx-amz-security-token:${TOKEN}\n'`;

/** Makes the error that a parser throws for an answer. */
function parseError(answer: string): Error {
  try {
    return new Error(`parsed ${JSON.parse(answer)}`);
  } catch (error) {
    return error as Error;
  }
}

describe('debugLines', () => {
  it("shows the message of the project's own error and of a refusal by AWS", () => {
    const refusal = Object.assign(new Error('you may not'), { $fault: 'client' });

    const lines = debugLines(new CliError('It cannot be written.', { cause: refusal }));

    expect(lines[0]).toBe('CliError: It cannot be written.');
    expect(lines[1]).toMatch(/^ {4}at /);
    expect(lines).toContain('caused by Error: you may not');
  });

  it.each([
    ['a piece of an answer', KEY],
    ['a piece that looks like a frame', `\n    at ${KEY} (x:1:1)`],
  ])('shows no message of another error, which may quote %s', (_, answer) => {
    const cause = parseError(answer);
    // As the AWS SDK does.
    cause.message += '\n  Deserialization error: to see the raw response, inspect the hidden field';

    const lines = debugLines(new CliError('Try again.', { cause }));

    expect(lines).toContain('caused by SyntaxError');
    expect(lines.filter((line) => line.includes('parseError'))).toHaveLength(1);
    expect(findLeaks(lines.join('\n'), { KEY })).toEqual([]);
  });

  it.each(['SignatureDoesNotMatch', 'InvalidSignatureException', 'IncompleteSignature'])(
    'shows no message of %s, which quotes the session token',
    (name) => {
      const refusal = Object.assign(new Error(CANONICAL_REQUEST), { name, $fault: 'client' });

      const lines = debugLines(new CliError('Try again.', { cause: refusal }));

      expect(lines.join('\n')).not.toContain(TOKEN);
      expect(describeAwsError(refusal)).toMatch(/^AWS does not accept your credentials; sign in again/);
    },
  );

  it('ends with an error that is its own cause', () => {
    const error: Error = new Error('x');
    error.cause = error;

    expect(debugLines(error).filter((line) => line.startsWith('caused by'))).toHaveLength(5);
  });
});

describe('explainAwsError', () => {
  const PLACE = { host: 'sts.us-east-1.amazonaws.com', service: 'STS', region: 'us-east-1' };
  const withCode = (code: string) => Object.assign(new Error(KEY), { code });
  const WHERE = 'sts.us-east-1.amazonaws.com (STS, region us-east-1)';

  it.each<[string, Error, string]>([
    [
      'a closed port',
      withCode('ECONNREFUSED'),
      `could not reach ${WHERE}: connection refused (ECONNREFUSED)`,
    ],
    ['an unknown host', withCode('ENOTFOUND'), `could not reach ${WHERE}: no such host name (ENOTFOUND)`],
    ['an unknown code', withCode('EPROTO'), `could not reach ${WHERE}: EPROTO`],
    [
      'a timeout',
      Object.assign(new Error(KEY), { name: 'TimeoutError' }),
      `could not reach ${WHERE}: no answer in time (TimeoutError)`,
    ],
    [
      'an outage',
      Object.assign(new Error(KEY), { $fault: 'server', $metadata: { httpStatusCode: 503 } }),
      `${WHERE} answered 503`,
    ],
    [
      'an answer that cannot be parsed',
      Object.assign(parseError(KEY), { $response: { statusCode: 200 } }),
      `${WHERE} gave an answer that is not understood (200, SyntaxError)`,
    ],
  ])('names host, service and region for %s, and quotes nothing', (_, error, problem) => {
    const explained = explainAwsError(error, PLACE);

    expect(explained?.problem).toBe(problem);
    expect(explained?.fix).not.toBe('');
    expect(findLeaks(`${explained?.message}${JSON.stringify(explained)}`, { KEY })).toEqual([]);
  });

  it.each(['Signature expired: 20261126T2140Z is now earlier than', 'Signature not yet current: 2026'])(
    'names the clock for "%s"',
    (message) => {
      const refusal = Object.assign(new Error(message), {
        name: 'InvalidSignatureException',
        $fault: 'client',
      });

      expect(explainAwsError(refusal, PLACE)).toMatchObject({
        problem: "this computer's clock differs from that of AWS",
        fix: 'set the clock, then try again',
      });
    },
  );

  it.each([
    ['CloudWatchLogs', 'AWS_ENDPOINT_URL_CLOUDWATCH_LOGS'],
    ['CloudFormation', 'AWS_ENDPOINT_URL'],
  ])('names the variable that sends the calls to %s elsewhere', (service, variable) => {
    const before = process.env;
    process.env = { AWS_ENDPOINT_URL_SQS: 'x', AWS_ENDPOINT_URL: 'x', AWS_ENDPOINT_URL_CLOUDWATCH_LOGS: 'x' };
    const explained = explainAwsError(withCode('ECONNREFUSED'), { ...PLACE, service });
    process.env = before;

    expect(explained?.fix).toBe(`check ${variable}, which names another host than AWS, then try again`);
  });

  it('asks whether the region was meant when its host has no address', () => {
    const place = { host: 'sts.us-esat-1.amazonaws.com', service: 'STS', region: 'us-esat-1' };

    expect(explainAwsError(withCode('ENOTFOUND'), place)?.fix).toBe(
      'check the region us-esat-1 (did you mean us-east-1?)',
    );
  });

  it('leaves a refusal by a service as it is', () => {
    const refusal = Object.assign(new Error('you may not'), { name: 'AccessDenied', $fault: 'client' });

    expect(explainAwsError(refusal, PLACE)).toBeUndefined();
    expect(describeAwsError(refusal)).toBe('AccessDenied: you may not');
  });
});

describe('nameFix', () => {
  it('names the most similar name, and all names', () => {
    expect(nameFix('prdo', ['staging', 'prod'])).toBe('Did you mean prod? There are staging, prod.');
  });

  it('makes no guess when nothing is similar, and lists at most 20', () => {
    const names = Array.from({ length: 23 }, (_, index) => `target-${index + 10}`);

    expect(nameFix('x', names)).toBe(`There are ${names.slice(0, 20).join(', ')} and 3 more.`);
  });
});
