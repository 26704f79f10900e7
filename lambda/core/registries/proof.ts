import { type OperatorMustActError, TransientError, UntrustedCertificateError } from '../errors';
import type { SendHttp } from '../http';
import type { Credential } from '../model';
import { Conversation, type ImageReference, LOGIN, manifestOf, type Question } from './conversation';
import { rejected } from './token-service';

/** What a registry said about a credential: accepted, or nothing that proves it. A rejection is thrown. */
export type Proof =
  | { readonly accepted: true }
  /** `lasting`: asking again does not help, for example when the image is missing or the certificate is not trusted. */
  | { readonly accepted: false; readonly because: string; readonly lasting: boolean };

/** Asks a registry whether it accepts a credential, and whether the credential may pull an image. */
export type Prove = (credential: Credential, image: string | undefined, deadlineMs: number) => Promise<Proof>;

/**
 * Proves credentials by the OCI distribution API: `GET /v2/` for the login, then `HEAD` on the manifest for the right
 * to pull. A proof throws OperatorMustActError `credential-rejected` when the registry rejects the credential: 401, 403,
 * and at ECR and ECR Public also 400.
 *
 * The login is asked about even when an image is named: Harbor gives an anonymous token to a wrong password, and a
 * public image can be pulled with that token. Only `/v2/` answers 401 to it.
 *
 * A registry that needs no login proves nothing when it accepts the credential.
 */
export function createProof(http: SendHttp): Prove {
  return async (credential, image, deadlineMs) => {
    const conversation = new Conversation(http, credential, deadlineMs);
    const questions = image === undefined ? [LOGIN] : [LOGIN, manifestOf(parseImage(image))];
    try {
      const answer = await conversation.authorize(questions);
      if ('because' in answer) return unproved(answer.because);
      return await ask(conversation, credential, questions, answer.authorization);
    } catch (error) {
      if (error instanceof TransientError) return { accepted: false, because: error.message, lasting: false };
      // A registry whose certificate is not trusted cannot be asked, and no retry changes that.
      if (error instanceof UntrustedCertificateError) return unproved(error.message);
      throw error;
    }
  };
}

/** Reads `repository:tag` or `repository@digest`. The name of a repository may contain slashes but no colon. */
function parseImage(image: string): ImageReference {
  const at = image.includes('@') ? image.indexOf('@') : image.indexOf(':');
  return { repository: image.slice(0, at), reference: image.slice(at + 1) };
}

/** Asks the questions in order and stops at the first answer that is not 200. */
async function ask(
  conversation: Conversation,
  credential: Credential,
  questions: readonly Question[],
  authorization: string | undefined,
): Promise<Proof> {
  const rejection = (question: Question, status: number): OperatorMustActError =>
    rejected(conversation.name(question), status, credential, { image: question !== LOGIN });
  for (const question of questions) {
    const { status } = await conversation.sendOrGet(question, authorization);
    if (status === 401 || status === 403) throw rejection(question, status);
    if (status === 400 && question === LOGIN && credential.rejectedBy400) throw rejection(question, status);
    if (status !== 200) return unproved(`${conversation.name(question)} answered ${status}`);
  }
  return { accepted: true };
}

function unproved(because: string): Proof {
  return { accepted: false, because, lasting: true };
}
