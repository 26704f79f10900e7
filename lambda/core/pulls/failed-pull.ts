/** Why a pull failed, as far as a line of a system log tells. */
export type FailedPullKind =
  /** The registry refuses the credential, or it has expired. */
  | 'stale-credential'
  /** The host sent no credential. */
  | 'no-credential'
  /** No such repository, tag or digest. */
  | 'no-such-image'
  /** The image is not for the host's platform. */
  | 'platform'
  /** The registry's pull limit is used up. */
  | 'pull-limit'
  /** The host has no space left. */
  | 'disk'
  | 'unknown';

/**
 * Patterns of each kind, tried in this order. The texts are those of Docker, containerd, Amazon ECR and Docker Hub, as
 * they stand in public reports of failed pulls at Runpod.
 */
const KINDS: readonly (readonly [FailedPullKind, RegExp])[] = [
  ['disk', /no space left on device|disk quota exceeded|not enough (?:disk )?space/i],
  ['pull-limit', /toomanyrequests|too many requests|rate limit|\b429\b/i],
  [
    'platform',
    /no matching manifest for|no match for platform|does not match the (?:specified|detected) platform|exec format error/i,
  ],
  ['no-credential', /no basic auth credentials|no credentials? (?:found|provided|were provided)/i],
  ['stale-credential', /authorization token has expired|token (?:has )?expired|reauthenticate/i],
  [
    'no-such-image',
    /manifest unknown|manifest for \S+ not found|name unknown|repository \S* ?not found|not found: manifest|\b404 not found\b|failed to resolve reference \S+: \S+ not found/i,
  ],
  // "pull access denied for X, repository does not exist or may require 'docker login'" does not say which.
  [
    'stale-credential',
    /unauthorized|pull access denied|access (?:is )?denied|\bdenied\b|IMAGE_AUTH_ERROR|authentication required|\b40[13]\b|incorrect username or password/i,
  ],
];

/** A line is about a failed pull when it has one of these... */
const ABOUT_A_PULL =
  /error pulling image|pull(?:ing)? .{0,200}(?:fail|error|denied)|failed to pull|(?:fail|error|denied).{0,200}\bpull(?:ing)?\b|IMAGE_AUTH_ERROR|ErrImagePull|ImagePullBackOff/i;

/** ...or is one of the engine's own sentences, which need no introduction. */
const ENGINE_SENTENCES =
  /pull access denied for|no basic auth credentials|manifest for \S+ not found|manifest unknown|no matching manifest for|toomanyrequests|authorization token has expired|failed to register layer|error response from daemon: (?:head|get|unauthorized|denied|manifest)|failed to resolve reference/i;

/** A longer line is not searched beyond this. */
const MAX_SEARCHED = 4_000;

/**
 * Recognises a line of a workload's system log that says that a pull failed.
 *
 * The match is loose, because Runpod does not document these lines. A line that is about a failed pull in words that
 * are not known is `unknown`.
 *
 * @returns undefined when the line is not about a failed pull
 */
export function recogniseFailedPull(line: string): FailedPullKind | undefined {
  const text = line.slice(0, MAX_SEARCHED);
  if (!ABOUT_A_PULL.test(text) && !ENGINE_SENTENCES.test(text)) return undefined;
  return KINDS.find(([, pattern]) => pattern.test(text))?.[0] ?? 'unknown';
}
