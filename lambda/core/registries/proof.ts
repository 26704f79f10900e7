import { type OperatorMustActError, TransientError, UntrustedCertificateError } from '../errors';
import type { SendHttp } from '../http';
import type { Credential } from '../model';
import type { HttpAnswer } from '../transport';
import { type Challenge, parseChallenges } from './challenge';
import { basicAuth, fetchToken, rejected } from './token-service';

/** What a registry said about a credential: accepted, or nothing that proves it. A rejection is thrown. */
export type Proof =
  | { readonly accepted: true }
  /** `lasting`: asking again does not help, for example when the image is missing or the certificate is not trusted. */
  | { readonly accepted: false; readonly because: string; readonly lasting: boolean };

/** Asks a registry whether it accepts a credential, and whether the credential may pull an image. */
export type Prove = (credential: Credential, image: string | undefined, deadlineMs: number) => Promise<Proof>;

/** Manifest types that registries serve. Without these an image index is answered with "not found". */
const MANIFEST_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

/**
 * Proves credentials by the OCI distribution API: `GET /v2/` for the login, then `HEAD` on the manifest for the right
 * to pull. A proof throws OperatorMustActError `credential-rejected` when the registry rejects the credential: 401, 403,
 * and at ECR and ECR Public also 400.
 *
 * The login is asked about even when an image is named: Harbor gives an anonymous token to a wrong password, and a
 * public image can be pulled with that token. Only `/v2/` answers 401 to it.
 *
 * A registry is first asked without the credential, as container clients do. GHCR and ECR Public reject a password that
 * they did not ask for. A registry that needs no login proves nothing when it accepts the credential.
 */
export function createProof(http: SendHttp): Prove {
  return async (credential, image, deadlineMs) => {
    const conversation = new Conversation(http, credential, deadlineMs);
    const questions = image === undefined ? [LOGIN] : [LOGIN, manifestOf(image)];
    try {
      return credential.basicAtOnce
        ? await conversation.ask(questions, basicAuth(credential))
        : await conversation.askAsChallenged(questions);
    } catch (error) {
      if (error instanceof TransientError) return { accepted: false, because: error.message, lasting: false };
      // A registry whose certificate is not trusted cannot be asked, and no retry changes that.
      if (error instanceof UntrustedCertificateError) return unproved(error.message);
      throw error;
    }
  };
}

interface Question {
  readonly method: 'GET' | 'HEAD';
  readonly path: string;
  /** The scope that a token for this question needs. @default - no scope: the login only */
  readonly scope?: string;
}

const LOGIN: Question = { method: 'GET', path: '/v2/' };

/** Reads `repository:tag` or `repository@digest`. The name of a repository may contain slashes but no colon. */
function manifestOf(image: string): Question {
  const at = image.includes('@') ? image.indexOf('@') : image.indexOf(':');
  const repository = image.slice(0, at);
  return {
    method: 'HEAD',
    path: `/v2/${repository}/manifests/${image.slice(at + 1)}`,
    scope: `repository:${repository}:pull`,
  };
}

/** Asks one registry about one credential. */
class Conversation {
  readonly #http: SendHttp;
  readonly #credential: Credential;
  readonly #deadlineMs: number;

  constructor(http: SendHttp, credential: Credential, deadlineMs: number) {
    this.#http = http;
    this.#credential = credential;
    this.#deadlineMs = deadlineMs;
  }

  /** Asks the questions in order and stops at the first answer that is not 200. */
  async ask(questions: readonly Question[], authorization: string): Promise<Proof> {
    for (const question of questions) {
      const { status } = await this.#sendOrGet(question, authorization);
      if (status === 401 || status === 403) throw this.#rejected(question, status);
      if (status === 400 && question === LOGIN && this.#credential.rejectedBy400) {
        throw this.#rejected(question, status);
      }
      if (status !== 200) return unproved(`${this.#name(question)} answered ${status}`);
    }
    return { accepted: true };
  }

  /** Finds out which login the registry wants, and asks with it. */
  async askAsChallenged(questions: readonly Question[]): Promise<Proof> {
    const challenged = await this.#challenge(questions);
    if ('accepted' in challenged) return challenged;
    const { scheme, parameters } = challenged;
    if (scheme === 'basic') return this.ask(questions, basicAuth(this.#credential));
    // One token answers all questions. The last question needs the widest scope.
    const answer = await fetchToken(this.#http, {
      credential: this.#credential,
      parameters,
      scope: questions.at(-1)?.scope,
      deadlineMs: this.#deadlineMs,
    });
    return 'token' in answer
      ? this.ask(questions, `Bearer ${answer.token.reveal()}`)
      : unproved(answer.because);
  }

  /** Finds the login that the registry asks for, at `/v2/` or at the image. */
  async #challenge(questions: readonly Question[]): Promise<Challenge | Proof> {
    for (const question of questions) {
      const { status, headers } = await this.#send(question);
      if (status === 401) return this.#chooseLogin(question, headers['www-authenticate']);
      if (status !== 200)
        return unproved(`${this.#name(question)} answered ${status} without asking for a login`);
    }
    return unproved(`${this.#host} accepts requests without a login, so it cannot prove the credential`);
  }

  /** Prefers a token service over Basic when a registry offers both, as container clients do. */
  #chooseLogin(question: Question, header = ''): Challenge | Proof {
    const challenges = parseChallenges(header);
    const offered = (scheme: string) => challenges.find((challenge) => challenge.scheme === scheme);
    const asks = `${this.#name(question)} asks for a login`;
    const otherwise =
      challenges.length === 0 ? 'in a form that cannot be read' : 'that is neither Basic nor a token';
    return offered('bearer') ?? offered('basic') ?? unproved(`${asks} ${otherwise}`);
  }

  /** Some registries (Nexus, old ones) do not answer `HEAD` on a manifest. They are asked once more, by `GET`. */
  async #sendOrGet(question: Question, authorization: string): Promise<HttpAnswer> {
    const answer = await this.#send(question, authorization);
    const mayNotKnowHead = question.method === 'HEAD' && (answer.status === 404 || answer.status === 405);
    return mayNotKnowHead ? this.#send({ ...question, method: 'GET' }, authorization) : answer;
  }

  #send({ method, path, scope }: Question, authorization?: string): Promise<HttpAnswer> {
    const accept = scope === undefined ? '*/*' : MANIFEST_TYPES;
    // A manifest can be large, and only the status of the answer is wanted.
    const ignoreBody = method === 'GET' && scope !== undefined;
    const headers = { accept, ...(authorization !== undefined && { authorization }) };
    const url = `${this.#credential.registryUrl}${path}`;
    return this.#http({ method, url, headers }, { deadlineMs: this.#deadlineMs, ignoreBody });
  }

  #rejected(question: Question, status: number): OperatorMustActError {
    return rejected(this.#name(question), status, this.#credential, { image: question !== LOGIN });
  }

  #name({ path }: Question): string {
    return `${this.#host}${path}`;
  }

  get #host(): string {
    return new URL(this.#credential.registryUrl).host;
  }
}

function unproved(because: string): Proof {
  return { accepted: false, because, lasting: true };
}
