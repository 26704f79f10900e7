import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SignatureV4 } from '@smithy/signature-v4';
import { METRIC_NAMESPACE, METRICS } from '../core/contract';
import { OperatorMustActError, type RefresherError, TransientError } from '../core/errors';
import type { SendHttp } from '../core/http';
import type { OtherRegion } from '../core/model';
import type { HttpAnswer } from '../core/transport';

/** The metric that counts the successes of both regions. */
const METRIC = 'RunSucceeded';

/** Version of CloudWatch's API (Amazon CloudWatch API reference, PutMetricData). */
const API_VERSION = '2010-08-01';

/** Timeout of each attempt, in milliseconds. A healthy region answers within a second. */
const ATTEMPT_TIMEOUT_MS = 2_000;

const MAX_ATTEMPTS = 2;

/** What a signature needs: the credentials and the hash of any AWS client. */
export type Signing = Pick<SecretsManagerClient['config'], 'credentials' | 'sha256'>;

/**
 * Reports to the other region that a run succeeded.
 *
 * It throws OperatorMustActError when the permission is missing, and TransientError when CloudWatch does not answer or
 * refuses for another reason.
 *
 * @param nowMs - when the run succeeded, in milliseconds since the epoch
 * @param deadlineMs - a moment of `clock.steady()`, in milliseconds
 */
export type TellOtherRegion = (nowMs: number, deadlineMs: number) => Promise<void>;

/**
 * Makes the function that counts a success in the other region's CloudWatch. `RefreshSilent` in that region pages only
 * when no success of either region was counted.
 *
 * The request is signed here, because `@aws-sdk/client-cloudwatch` would make every cold start longer. The bundle has the
 * signer anyway, for its AWS clients. CloudWatch's Query protocol needs nothing else.
 *
 * @example
 * const tellOtherRegion = createOtherRegion({ http, other, signing: secretsManager.config });
 * await tellOtherRegion(clock.now(), deadlineMs);
 */
export function createOtherRegion({
  http,
  other,
  signing,
}: {
  readonly http: SendHttp;
  readonly other: OtherRegion;
  readonly signing: Signing;
}): TellOtherRegion {
  return async (nowMs, deadlineMs) => {
    const url = new URL(
      process.env.AWS_ENDPOINT_URL_CLOUDWATCH ?? process.env.AWS_ENDPOINT_URL ?? other.metricsUrl,
    );
    const signer = new SignatureV4({
      service: 'monitoring',
      region: other.region,
      credentials: signing.credentials,
      sha256: signing.sha256,
    });
    const body = putMetricData(other.service, nowMs);
    const { headers } = await signer.sign({
      method: 'POST',
      protocol: url.protocol,
      hostname: url.hostname,
      path: '/',
      query: {},
      headers: { host: url.host, 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
      body,
    });
    const answer = await http(
      { method: 'POST', url: new URL('/', url).href, headers, body },
      { deadlineMs, maxAttempts: MAX_ATTEMPTS, attemptTimeoutMs: ATTEMPT_TIMEOUT_MS },
    );
    if (answer.status !== 200) throw refusal(other, answer);
  };
}

/** The code of CloudWatch's error. Its message may repeat the signed headers, so it is not read. */
const ERROR_CODE = /<Code>([A-Za-z.]{1,64})<\/Code>/;

/** CloudWatch answers 400 for a rate limit and 403 for a wrong clock too, so the code decides, not the status. */
function refusal({ region }: OtherRegion, { status, body }: HttpAnswer): RefresherError {
  const code = ERROR_CODE.exec(body)?.[1];
  const what = `cloudwatch:PutMetricData in ${region} answered ${status}${code ? ` ${code}` : ''}`;
  if (!code?.startsWith('AccessDenied')) return new TransientError(what);
  return new OperatorMustActError(
    'permission-missing',
    `${what}; the role of this function needs the permission for that region`,
  );
}

function putMetricData(service: string, nowMs: number): string {
  const datum = 'MetricData.member.1';
  return new URLSearchParams({
    Action: 'PutMetricData',
    Version: API_VERSION,
    Namespace: METRIC_NAMESPACE,
    [`${datum}.MetricName`]: METRIC,
    [`${datum}.Dimensions.member.1.Name`]: 'service',
    [`${datum}.Dimensions.member.1.Value`]: service,
    [`${datum}.Timestamp`]: new Date(nowMs).toISOString(),
    [`${datum}.Unit`]: METRICS[METRIC],
    [`${datum}.Value`]: '1',
  }).toString();
}
