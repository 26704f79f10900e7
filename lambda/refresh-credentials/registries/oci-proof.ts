import { OperatorMustActError, TransientError } from '../errors';
import type { SendHttp } from '../http';
import type { Credential } from '../model';
import type { HttpAnswer } from '../transport';

/** What the registry said: it accepted the credential, or gave no answer to the question, and why. A "no" is thrown. */
export type Proof =
  | { readonly accepted: true }
  /** `lasting`: the registry did answer, so asking again will not help (an image that is not there). */
  | { readonly accepted: false; readonly because: string; readonly lasting: boolean };

/** Asks a registry whether it accepts a credential, and whether the credential may pull an image. */
export type Prove = (credential: Credential, image: string | undefined, deadlineMs: number) => Promise<Proof>;

/** Manifest types that registries serve; without them an image index is answered as "not found". */
const MANIFEST_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

/**
 * Proves credentials by the OCI distribution API: `GET /v2/` for the login, `HEAD` on the manifest for the
 * right to pull. Each throws OperatorMustActError `credential-rejected` when the registry says no (401, 403).
 */
export function createProof(http: SendHttp): Prove {
  return async (credential, image, deadlineMs) => {
    const login = await ask({ credential, path: '/v2/', method: 'GET', deadlineMs });
    if (!login.accepted || !image) return login;
    const { repository, reference } = splitImage(image);
    return ask({ credential, path: `/v2/${repository}/manifests/${reference}`, method: 'HEAD', deadlineMs });
  };

  async function ask(question: Question): Promise<Proof> {
    try {
      return meaningOf(await send(question), question);
    } catch (error) {
      if (error instanceof TransientError) return { accepted: false, because: error.message, lasting: false };
      throw error;
    }
  }

  function send({ credential, path, method, deadlineMs }: Question): Promise<HttpAnswer> {
    const { username, password, registryUrl } = credential;
    const basic = Buffer.from(`${username}:${password.reveal()}`).toString('base64');
    const headers = { accept: method === 'HEAD' ? MANIFEST_TYPES : '*/*', authorization: `Basic ${basic}` };
    return http({ method, url: `${registryUrl}${path}`, headers }, { deadlineMs });
  }
}

interface Question {
  readonly credential: Credential;
  readonly path: string;
  readonly method: 'GET' | 'HEAD';
  readonly deadlineMs: number;
}

function meaningOf({ status }: HttpAnswer, { credential, path }: Question): Proof {
  if (status === 200) return { accepted: true };
  const asked = `${new URL(credential.registryUrl).host}${path}`;
  if (status === 401 || status === 403) {
    throw new OperatorMustActError(
      'credential-rejected',
      `${asked} rejected the new credential (${status}); nothing was sent to Runpod; check the repository's policy and the role's permissions`,
    );
  }
  return { accepted: false, because: `${asked} answered ${status}`, lasting: true };
}

/** Splits `repository:tag` or `repository@digest`; a repository's name may hold slashes but no colon. */
function splitImage(image: string): { repository: string; reference: string } {
  const at = image.includes('@') ? image.indexOf('@') : image.indexOf(':');
  return { repository: image.slice(0, at), reference: image.slice(at + 1) };
}
