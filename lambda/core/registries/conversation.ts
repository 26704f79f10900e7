import type { SendHttp, SendOptions } from '../http';
import type { Credential } from '../model';
import type { HttpAnswer } from '../transport';
import { type Challenge, parseChallenges } from './challenge';
import { basicAuth, fetchToken } from './token-service';

/** Manifest types that registries serve. Without these an image index is answered with "not found". */
const MANIFEST_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

/** One question to a registry. */
export interface Question {
  readonly method: 'GET' | 'HEAD';
  readonly path: string;
  /** The scope that a token for this question needs. @default - no scope: the login only */
  readonly scope?: string;
}

/** Whether the registry accepts the login. */
export const LOGIN: Question = { method: 'GET', path: '/v2/' };

/** An image in a registry. */
export interface ImageReference {
  readonly repository: string;
  /** Tag or digest. */
  readonly reference: string;
}

/** The question whether an image's manifest exists and may be read. */
export function manifestOf({ repository, reference }: ImageReference): Question {
  return {
    method: 'HEAD',
    path: `/v2/${repository}/manifests/${reference}`,
    scope: `repository:${repository}:pull`,
  };
}

/** How to authenticate: the value of the `Authorization` header, or why there is none. */
export type Authorization =
  | { readonly authorization: string | undefined }
  /** `open`: the registry answers without a login. */
  | { readonly because: string; readonly open?: true };

/** Asks one registry with one credential. */
export class Conversation {
  readonly #http: SendHttp;
  readonly #credential: Credential;
  readonly #deadlineMs: number;

  /** @param deadlineMs - a moment of `clock.steady()`, in milliseconds */
  constructor(http: SendHttp, credential: Credential, deadlineMs: number) {
    this.#http = http;
    this.#credential = credential;
    this.#deadlineMs = deadlineMs;
  }

  /**
   * Finds out which login the registry wants for these questions, and logs in.
   *
   * A registry is first asked without the credential, as container clients do, unless the credential says
   * `basicAtOnce`. GHCR and ECR Public reject a password that they did not ask for.
   *
   * @param options - `anonymous` asks for a token without the credential
   * @throws what `fetchToken` throws, and TransientError
   */
  async authorize(
    questions: readonly Question[],
    { anonymous = false }: { readonly anonymous?: boolean } = {},
  ): Promise<Authorization> {
    if (this.#credential.basicAtOnce && !anonymous) return { authorization: basicAuth(this.#credential) };
    const challenged = await this.#challenge(questions);
    if ('because' in challenged) return challenged;
    const { scheme, parameters } = challenged;
    if (scheme === 'basic') {
      return { authorization: anonymous ? undefined : basicAuth(this.#credential) };
    }
    // One token answers all questions. The last question needs the widest scope.
    const answer = await fetchToken(this.#http, {
      credential: this.#credential,
      anonymous,
      parameters,
      scope: questions.at(-1)?.scope,
      deadlineMs: this.#deadlineMs,
    });
    return 'token' in answer ? { authorization: `Bearer ${answer.token.reveal()}` } : answer;
  }

  /** Finds the login that the registry asks for, at `/v2/` or at the image. */
  async #challenge(
    questions: readonly Question[],
  ): Promise<Challenge | { readonly because: string; readonly open?: true }> {
    for (const question of questions) {
      const { status, headers } = await this.send(question);
      if (status === 401) return this.#chooseLogin(question, headers['www-authenticate']);
      if (status !== 200) {
        return { because: `${this.name(question)} answered ${status} without asking for a login` };
      }
    }
    return {
      because: `${this.#host} accepts requests without a login, so it cannot prove the credential`,
      open: true,
    };
  }

  /** Prefers a token service over Basic when a registry offers both, as container clients do. */
  #chooseLogin(question: Question, header = ''): Challenge | { readonly because: string } {
    const challenges = parseChallenges(header);
    const offered = (scheme: string) => challenges.find((challenge) => challenge.scheme === scheme);
    const asks = `${this.name(question)} asks for a login`;
    const otherwise =
      challenges.length === 0 ? 'in a form that cannot be read' : 'that is neither Basic nor a token';
    return offered('bearer') ?? offered('basic') ?? { because: `${asks} ${otherwise}` };
  }

  /** Some registries (Nexus, old ones) do not answer `HEAD` on a manifest. They are asked once more, by `GET`. */
  async sendOrGet(question: Question, authorization: string | undefined): Promise<HttpAnswer> {
    const answer = await this.send(question, authorization);
    const mayNotKnowHead = question.method === 'HEAD' && (answer.status === 404 || answer.status === 405);
    // A manifest can be large, and only the status of the answer is wanted.
    return mayNotKnowHead
      ? this.send({ ...question, method: 'GET' }, authorization, { ignoreBody: true })
      : answer;
  }

  /** Sends one question. @throws TransientError */
  send(
    { method, path, scope }: Question,
    authorization?: string,
    options: Pick<SendOptions, 'ignoreBody' | 'maxBytes'> = {},
  ): Promise<HttpAnswer> {
    const accept = scope === undefined ? '*/*' : MANIFEST_TYPES;
    const headers = { accept, ...(authorization !== undefined && { authorization }) };
    const url = `${this.#credential.registryUrl}${path}`;
    return this.#http({ method, url, headers }, { deadlineMs: this.#deadlineMs, ...options });
  }

  /** Names a question in messages. */
  name({ path }: Question): string {
    return `${this.#host}${path}`;
  }

  get #host(): string {
    return new URL(this.#credential.registryUrl).host;
  }
}
