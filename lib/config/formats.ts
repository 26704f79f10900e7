import * as z from 'zod';

/**
 * Returns the zod type of a text that matches a pattern.
 *
 * @param expected - what was expected, as a noun phrase: the error message for every wrong value
 */
export function textMatching(pattern: RegExp, expected: string) {
  return z.string(expected).regex(pattern, expected);
}

/** What a text must look like. */
interface Format {
  readonly pattern: RegExp;
  /** What is expected, as a noun phrase. */
  readonly expected: string;
}

const textOf = ({ pattern, expected }: Format) => textMatching(pattern, expected);

const SECRET_ID =
  /^(arn:aws[a-z-]*:secretsmanager:[a-z]{2,4}(-[a-z]+)+-\d{1,2}:\d{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}|[A-Za-z0-9/_+=.@-]{1,512})$/;

/** The name or ARN of a secret (Secrets Manager API reference, CreateSecret: the characters of a name). */
export const secretId = () =>
  textMatching(
    SECRET_ID,
    'the name of a Secrets Manager secret, such as runpod/api-key, or its full ARN with the six characters at the end',
  );

/** An AWS region of any partition. `unknown-regions.ts` checks whether it exists. */
export const REGION: Format = {
  pattern: /^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$/,
  expected: 'an AWS region, such as us-east-1',
};

/** The zod type of `REGION`. */
export const region = () => textOf(REGION);

/** The name of an ECR repository (ECR API reference, CreateRepository: 2 to 256 characters). */
export const REPOSITORY_NAME: Format = {
  pattern: /^(?=.{2,256}$)([a-z0-9]+([._-][a-z0-9]+)*\/)*[a-z0-9]+([._-][a-z0-9]+)*$/,
  expected: 'the name of an ECR repository, such as team/worker, without registry host, tag or ARN',
};

/** The zod type of `REPOSITORY_NAME`. */
export const repositoryName = () => textOf(REPOSITORY_NAME);

/**
 * An image as `repository:tag` or `repository@sha256:digest` (OCI distribution specification). `image-addresses.ts`
 * checks whether the repository fits the registry.
 */
export const IMAGE: Format = {
  pattern: /^[a-z0-9][a-z0-9._/-]*(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}|@sha256:[a-f0-9]{64})$/,
  expected: 'an image as repository:tag or repository@sha256:digest, without registry host',
};

/** The zod type of `IMAGE`. */
export const imageReference = () => textOf(IMAGE);

/** The name of a target. It is a part of metrics, log lines and commands. */
export const targetName = () => textMatching(/^[A-Za-z0-9_-]{1,64}$/, '1 to 64 letters, digits, _ and -');

/** The name of a delegation at Runpod, and of a registry auth. */
const NAME_AT_RUNPOD = /^\S(.{0,189}\S)?$/;

/** The name of a registry auth at Runpod. */
export const registryAuthName = () =>
  textMatching(NAME_AT_RUNPOD, 'the name of a Runpod registry auth: 1 to 191 characters');

/** A location of Google Artifact Registry: a region or a multi-region. */
export const location = () =>
  textMatching(/^[a-z]+(-[a-z]+\d{1,2})?$/, 'a location of Artifact Registry, such as europe-west3 or us');

/** The name of a delegation at Runpod. */
export const delegationName = () => textMatching(NAME_AT_RUNPOD, 'a name: 1 to 191 characters');

/** The ARN of an IAM role (IAM API reference: path and name). */
export const roleArn = () =>
  textMatching(
    /^arn:aws[a-z-]*:iam::\d{12}:role\/[A-Za-z0-9+=,.@_/-]{1,576}$/,
    "a role's ARN, such as arn:aws:iam::210987654321:role/pull",
  );

/** An external id, which a trust policy compares with `sts:ExternalId` (STS API reference, AssumeRole). */
export const externalId = () =>
  textMatching(/^[A-Za-z0-9_+=,.@:/-]{2,1224}$/, 'an external id: 2 to 1,224 letters, digits and _+=,.@:/-');

/** The ARN of a standard SNS topic. CloudWatch alarms cannot publish to a FIFO topic. */
export const topicArn = () =>
  textMatching(
    /^arn:aws[a-z-]*:sns:[a-z]{2,4}(-[a-z]+)+-\d{1,2}:\d{12}:[A-Za-z0-9_-]{1,256}$/,
    'the ARN of a standard SNS topic, such as arn:aws:sns:us-east-1:123456789012:oncall',
  );

/** An e-mail address. The check is loose, because SNS asks the recipient to confirm it. */
export const email = () =>
  textMatching(/^[^\s@]+@[^\s@]+\.[^\s@.]+$/, 'an e-mail address, such as oncall@example.com');

/**
 * Returns the zod type of a URL that matches a pattern and that the functions can use. A pattern alone cannot refuse an
 * invalid host or port.
 */
function urlMatching(pattern: RegExp, expected: string) {
  return textMatching(pattern, expected).refine(isUsableUrl, expected);
}

function isUsableUrl(text: string): boolean {
  const url = parseUrl(text);
  return url !== undefined && url.port !== '0';
}

/** Parses a URL; undefined when it is none. `URL.canParse` of Node 20 sometimes refuses a host like `bücher.example`. */
export function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

const HTTPS_URL = /^https:\/\/[^\s/\\@?#]+(\/[^\s?#]*)?$/;
const LOOPBACK_URL = /^http:\/\/(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?(\/[^\s?#]*)?$/;

/** The base address of an API. Nothing follows its path, so that the client can append a path to it. */
export const apiUrl = () =>
  urlMatching(
    new RegExp(`${HTTPS_URL.source}|${LOOPBACK_URL.source}`),
    'an https: address without user, query or fragment (http: only for a loopback host)',
  );

/** The base address of a registry. It has no path, because the distribution API always begins at `/v2/`. */
export const registryUrl = () =>
  urlMatching(
    /^(https:\/\/([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])|http:\/\/(localhost|127(\.\d{1,3}){3}|\[::1\]))(:\d{1,5})?\/?$/,
    'an https: address of host and port only, such as https://registry.example.com (http: only for a loopback host)',
  );

/** The default of version 0.1: a path in this project. Configuration files may still name it. */
const FORMER_RUNBOOK = 'docs/runbook.md';

/**
 * The address of a page for people, or `FORMER_RUNBOOK`. Its length is limited, because it is part of an alarm's 1,024
 * characters.
 */
export const pageUrl = () =>
  textMatching(
    /^docs\/runbook\.md$|^(?=.{1,500}$)(https:\/\/[^\s/\\@]+|http:\/\/(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?)(\/\S*)?$/,
    PAGE_URL,
  ).refine((text) => text === FORMER_RUNBOOK || isUsableUrl(text), PAGE_URL);

const PAGE_URL = 'an https: address of at most 500 characters (http: only for a loopback host)';

/** An address to which SNS delivers notifications. */
export const httpsEndpoint = () => urlMatching(/^https:\/\/[^\s/\\@]+(\/\S*)?$/, 'an https: address');
