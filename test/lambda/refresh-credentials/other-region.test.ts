import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { OperatorMustActError, TransientError } from '../../../lambda/core/errors';
import { createOtherRegion } from '../../../lambda/refresh-credentials/other-region';
import { anAnswer } from '../../support/builders';
import { NOON } from '../../support/fake-clock';
import { type Step, scriptedHttp } from '../../support/scripted-transport';
import { rejectionOf } from '../../support/thrown';

const SESSION_TOKEN = 'session-token-of-a-test';

/** Reports a success at noon to us-west-2, whose CloudWatch gives scripted answers. */
function aTeller(...steps: Step[]) {
  const { http, sent } = scriptedHttp(...steps);
  const { config } = new SecretsManagerClient({
    region: 'us-east-1',
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example', sessionToken: SESSION_TOKEN },
  });
  const other = {
    region: 'us-west-2',
    service: 'Pulls-standby',
    metricsUrl: 'https://monitoring.us-west-2.amazonaws.com',
  };
  const tell = createOtherRegion({ http, other, signing: config });
  return { sent, tell: () => tell(NOON, NOON + 4_500) };
}

/** Returns an error as CloudWatch writes it. */
function cloudWatchError(status: number, code: string) {
  const message = `The canonical string was: x-amz-security-token:${SESSION_TOKEN}`;
  return anAnswer(
    status,
    `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`,
  );
}

describe('createOtherRegion', () => {
  it('signs the request for CloudWatch in the other region', async () => {
    const { tell, sent } = aTeller(anAnswer(200));

    await tell();

    expect(sent).toMatchObject([
      {
        url: 'https://monitoring.us-west-2.amazonaws.com/',
        headers: {
          authorization: expect.stringContaining('/us-west-2/monitoring/aws4_request'),
          'x-amz-security-token': SESSION_TOKEN,
        },
      },
    ]);
  });

  it('says that the permission is missing only when CloudWatch says so', async () => {
    const { tell } = aTeller(cloudWatchError(403, 'AccessDenied'));

    const error = await rejectionOf(tell());

    expect(error).toBeInstanceOf(OperatorMustActError);
    expect(String(error)).toContain(
      'answered 403 AccessDenied; the role of this function needs the permission',
    );
  });

  it.each([
    ['a rate limit', cloudWatchError(400, 'Throttling'), 'us-west-2 answered 400 Throttling'],
    [
      'a wrong clock',
      cloudWatchError(403, 'SignatureDoesNotMatch'),
      'us-west-2 answered 403 SignatureDoesNotMatch',
    ],
    ['credentials that expired', cloudWatchError(403, 'ExpiredToken'), 'us-west-2 answered 403 ExpiredToken'],
    ['a redirect', anAnswer(301), 'us-west-2 answered 301'],
    ['a page of a proxy', anAnswer(404, '<html>no</html>'), 'us-west-2 answered 404'],
  ])('names the answer, and no permission, for %s', async (_, answer, expected) => {
    const { tell } = aTeller(answer);

    const error = await rejectionOf(tell());

    expect(error).toBeInstanceOf(TransientError);
    expect((error as Error).message).toBe(`cloudwatch:PutMetricData in ${expected}`);
  });

  it('tries a second time after an outage, and then gives up', async () => {
    const { tell, sent } = aTeller(anAnswer(503), anAnswer(503), anAnswer(200));

    const error = await rejectionOf(tell());

    expect(String(error)).toContain('answered 503');
    expect(sent).toHaveLength(2);
  });
});
