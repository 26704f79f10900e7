import { RouteCannotError } from '../errors';
import type { SendHttp } from '../http';
import type { HttpAnswer } from '../transport';
import {
  expectId,
  isJsonObject,
  type JsonObject,
  keyRefused,
  parseJson,
  permissionMissing,
  readAnswer,
  readRegistryAuth,
  readRegistryAuths,
} from './answer';
import { type RouteCall, type RunpodRoute, wireCredential } from './route';

const NAME = 'graphql';

const LIST = 'query RegistryAuths { myself { containerRegistryCreds { id name } } }';
const CREATE =
  'mutation SaveRegistryAuth($input: SaveRegistryAuthInput!) { saveRegistryAuth(input: $input) { id name } }';
const UPDATE =
  'mutation UpdateRegistryAuth($input: UpdateRegistryAuthInput) { updateRegistryAuth(input: $input) { id name } }';

/** Runpod's GraphQL API, to be retired in 2027. It answers failures with status 200 and `errors`. */
export function createGraphql(http: SendHttp, url: string): RunpodRoute {
  async function call(
    { apiKey, pacer, deadlineMs }: RouteCall,
    operation: { query: string; variables?: JsonObject; repeatable: boolean },
  ): Promise<JsonObject> {
    const { query, variables, repeatable } = operation;
    const headers = { accept: 'application/json', authorization: `Bearer ${apiKey.reveal()}` };
    const body = JSON.stringify({ query, variables });
    return readData(await http({ method: 'POST', url, headers, body }, { pacer, deadlineMs, repeatable }));
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

/** The `data` of an answer without `errors`. A status that says enough by itself goes before their codes. */
function readData(answer: HttpAnswer): JsonObject {
  const codesDecide = answer.status === 400 || (answer.status >= 200 && answer.status < 300);
  const json = parseJson(answer);
  if (codesDecide && isJsonObject(json) && Array.isArray(json.errors) && json.errors.length > 0)
    throw meaningOf(json.errors);
  const body = readAnswer(NAME, answer);
  if (isJsonObject(body) && isJsonObject(body.data)) return body.data;
  throw new RouteCannotError(`${NAME} answered without data`, { definite: false });
}

/** Codes that mean "the schema has no such operation". */
const UNKNOWN_OPERATION = new Set(['GRAPHQL_VALIDATION_FAILED', 'GRAPHQL_PARSE_FAILED']);

/** What `errors` means, by their codes (Apollo's, which Runpod's server uses); the text is not looked at. */
function meaningOf(errors: readonly unknown[]): Error {
  const codes = errors.map(codeOf);
  if (codes.includes('UNAUTHENTICATED')) return keyRefused(NAME);
  if (codes.includes('FORBIDDEN')) return permissionMissing(NAME);
  const definite = codes.every((code) => UNKNOWN_OPERATION.has(code));
  return new RouteCannotError(`${NAME} answered an error${definite ? ': it has no such operation' : ''}`, {
    definite,
  });
}

function codeOf(error: unknown): string {
  const extensions = isJsonObject(error) ? error.extensions : undefined;
  const code = isJsonObject(extensions) ? extensions.code : undefined;
  return typeof code === 'string' ? code : '';
}
