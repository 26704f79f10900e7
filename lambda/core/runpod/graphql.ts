import { ApiUnsupportedError, ValueRefusedError } from '../errors';
import type { SendHttp } from '../http';
import type { HttpAnswer } from '../transport';
import {
  expectId,
  isJsonObject,
  type JsonObject,
  keyRefused,
  parseJson,
  permissionMissing,
  type RunpodCall,
  type RunpodRoute,
  readAnswer,
  readRegistryAuth,
  readRegistryAuths,
  wireCredential,
} from './api';

const NAME = 'graphql';

const LIST = 'query RegistryAuths { myself { containerRegistryCreds { id name } } }';
const CREATE =
  'mutation SaveRegistryAuth($input: SaveRegistryAuthInput!) { saveRegistryAuth(input: $input) { id name } }';
const UPDATE =
  'mutation UpdateRegistryAuth($input: UpdateRegistryAuthInput) { updateRegistryAuth(input: $input) { id name } }';

/** Runpod's GraphQL API, which ends in 2027. It answers failures with status 200 and `errors`. */
export function createGraphqlRoute(http: SendHttp, url: string): RunpodRoute {
  async function call(
    { apiKey, ...options }: RunpodCall,
    operation: { query: string; variables?: JsonObject; repeatable: boolean },
  ): Promise<JsonObject> {
    const { query, variables, repeatable } = operation;
    const headers = { accept: 'application/json', authorization: `Bearer ${apiKey.reveal()}` };
    const body = JSON.stringify({ query, variables });
    return readData(await http({ method: 'POST', url, headers, body }, { ...options, repeatable }));
  }

  return {
    name: NAME,
    async list(context) {
      const { myself } = await call(context, { query: LIST, repeatable: true });
      return readRegistryAuths(NAME, isJsonObject(myself) ? myself.containerRegistryCreds : undefined);
    },
    async create(context, name, credential) {
      const variables = { input: { name, ...wireCredential(credential) } };
      const data = await call(context, { query: CREATE, variables, repeatable: false });
      return readRegistryAuth(NAME, data.saveRegistryAuth);
    },
    async update(context, id, credential) {
      const variables = { input: { id, ...wireCredential(credential) } };
      const data = await call(context, { query: UPDATE, variables, repeatable: true });
      expectId(NAME, readRegistryAuth(NAME, data.updateRegistryAuth), id);
    },
  };
}

/** Returns the `data` of an answer of the GraphQL API without `errors`. For 2xx and 400 the codes in `errors` decide, otherwise the status. */
export function readData(answer: HttpAnswer): JsonObject {
  const codesDecide = answer.status === 400 || (answer.status >= 200 && answer.status < 300);
  const json = parseJson(answer);
  if (codesDecide && isJsonObject(json) && Array.isArray(json.errors) && json.errors.length > 0) {
    throw meaningOf(json.errors);
  }
  const body = readAnswer(NAME, answer);
  if (isJsonObject(body) && isJsonObject(body.data)) return body.data;
  throw new ApiUnsupportedError(`${NAME} answered without data`, 'unclear');
}

/** Codes that mean "the schema has no such operation". */
const UNKNOWN_OPERATION = new Set(['GRAPHQL_VALIDATION_FAILED', 'GRAPHQL_PARSE_FAILED']);

/** Makes the error that the codes in `errors` mean (Apollo's codes, which Runpod's server uses). The text is ignored. */
function meaningOf(errors: readonly unknown[]): Error {
  const codes = errors.map(codeOf);
  if (codes.includes('UNAUTHENTICATED')) return keyRefused(NAME);
  if (codes.includes('FORBIDDEN')) return permissionMissing(NAME);
  if (codes.every((code) => UNKNOWN_OPERATION.has(code))) {
    return new ApiUnsupportedError(`${NAME} answered an error: it has no such operation`, 'final');
  }
  if (codes.every((code) => code === 'BAD_USER_INPUT')) {
    return new ValueRefusedError(`${NAME} answered that it refuses the input`);
  }
  return new ApiUnsupportedError(`${NAME} answered an error`, 'unclear', 200);
}

function codeOf(error: unknown): string {
  const extensions = isJsonObject(error) ? error.extensions : undefined;
  const code = isJsonObject(extensions) ? extensions.code : undefined;
  return typeof code === 'string' ? code : '';
}
