/** The grammars of single values: each is a zod type whose only message is what was expected. */

import { z } from 'zod';

/** Text of one grammar; `expected` is what a person reads when a value, of whatever type, does not match it. */
export function textLike(pattern: RegExp, expected: string) {
  return z.string(expected).regex(pattern, expected);
}

const SECRET_ID =
  /^(arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}|[A-Za-z0-9/_+=.@-]{1,512})$/;

/** A secret of AWS Secrets Manager (API reference, CreateSecret: the characters of a name). */
export const secretId = () =>
  textLike(
    SECRET_ID,
    'the name of a Secrets Manager secret, such as runpod/api-key, or its full ARN with the six characters at the end',
  );

/** A region of any partition. */
export const region = () => textLike(/^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$/, 'an AWS region, such as us-east-1');

/** A repository's name (ECR API reference, CreateRepository: 2 to 256 characters). */
export const repositoryName = () =>
  textLike(
    /^(?=.{2,256}$)([a-z0-9]+([._-][a-z0-9]+)*\/)*[a-z0-9]+([._-][a-z0-9]+)*$/,
    'the name of an ECR repository, such as team/worker, without registry host, tag or ARN',
  );

/** `repository:tag` or `repository@sha256:digest` (OCI distribution specification). Whose repository, the rules say. */
export const imageReference = () =>
  textLike(
    /^[a-z0-9][a-z0-9._/-]*(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}|@sha256:[a-f0-9]{64})$/,
    'an image as repository:tag or repository@sha256:digest, without registry host',
  );

/** The ARN of a role (IAM API reference: path and name). */
export const roleArn = () =>
  textLike(
    /^arn:aws[a-z-]*:iam::\d{12}:role\/[A-Za-z0-9+=,.@_/-]{1,576}$/,
    "a role's ARN, such as arn:aws:iam::210987654321:role/pull",
  );

/** What a trust policy compares with `sts:ExternalId` (STS API reference, AssumeRole). */
export const externalId = () =>
  textLike(/^[A-Za-z0-9_+=,.@:/-]{2,1224}$/, 'an external id: 2 to 1,224 letters, digits and _+=,.@:/-');

/** The ARN of a standard topic: CloudWatch alarms cannot publish to a FIFO topic. */
export const topicArn = () =>
  textLike(
    /^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}$/,
    'the ARN of a standard SNS topic, such as arn:aws:sns:us-east-1:123456789012:oncall',
  );

/** An e-mail address, loosely: SNS itself proves it by a confirmation. */
export const email = () =>
  textLike(/^[^\s@]+@[^\s@]+\.[^\s@.]+$/, 'an e-mail address, such as oncall@example.com');

const HTTPS_URL = /^https:\/\/[^\s/@?#]+(\/[^\s?#]*)?$/;
const LOOPBACK_URL = /^http:\/\/(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?(\/[^\s?#]*)?$/;

/** The base address of an API: nothing after the path, so that paths can be put behind it. */
export const apiUrl = () =>
  textLike(
    new RegExp(`${HTTPS_URL.source}|${LOOPBACK_URL.source}`),
    'an https: address without user, query or fragment (http: only for a loopback host)',
  );

/** A registry's base address: the distribution API knows no path before its own. */
export const registryUrl = () =>
  textLike(
    /^(https:\/\/([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])|http:\/\/(localhost|127(\.\d{1,3}){3}|\[::1\]))(:\d{1,5})?\/?$/,
    'an https: address of host and port only, such as https://registry.example.com (http: only for a loopback host)',
  );

/** A page that people open. An alarm's description holds 1,024 characters, and says more than the address. */
export const pageUrl = () =>
  textLike(
    /^(?=.{1,500}$)(https:\/\/[^\s/@]+|http:\/\/(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?)(\/\S*)?$/,
    'an https: address of at most 500 characters (http: only for a loopback host)',
  );

/** Where SNS delivers to. */
export const httpsEndpoint = () => textLike(/^https:\/\/[^\s/@]+(\/\S*)?$/, 'an https: address');
