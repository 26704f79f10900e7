import { jsonObject, parsedObject, type StandInAnswer } from '../exchange';
import type { RunpodUser } from './accounts';
import { type RestCall, shown, written } from './rest';

type Variables = Readonly<Record<string, unknown>>;

/** The mutations by field name. */
const MUTATIONS: Readonly<Record<string, (variables: Variables, user: RunpodUser) => StandInAnswer>> = {
  saveRegistryAuth(variables, user) {
    const input = inputOf(variables, ['name', 'username', 'password']);
    if (!input) return graphqlError('BAD_USER_INPUT');
    const { name = '', username = '', password = '' } = input;
    const auth = written(user, 'create', 'graphql', user.create({ name, username, password }));
    return auth ? data({ saveRegistryAuth: auth }) : graphqlError('BAD_USER_INPUT');
  },
  updateRegistryAuth(variables, user) {
    const input = inputOf(variables, ['id', 'username', 'password']);
    if (!input) return graphqlError('BAD_USER_INPUT');
    const { id = '', username = '', password = '' } = input;
    const auth = written(user, 'update', 'graphql', user.update(id, username, password));
    return auth ? data({ updateRegistryAuth: auth }) : graphqlError('INTERNAL_SERVER_ERROR');
  },
  deleteRegistryAuth({ registryAuthId: id }, user) {
    if (typeof id !== 'string') return graphqlError('BAD_USER_INPUT');
    const auth = user.find(id);
    if (!auth || user.isInUse(id)) return graphqlError('INTERNAL_SERVER_ERROR');
    user.delete(id);
    written(user, 'delete', 'graphql', auth);
    return data({ deleteRegistryAuth: true });
  },
};

/** Returns the operation's field in a GraphQL request, such as `updateRegistryAuth`. */
export function graphqlField(body: string): string | undefined {
  const { query } = jsonObject(body);
  if (typeof query !== 'string') return undefined;
  return /\b(myself|saveRegistryAuth|updateRegistryAuth|deleteRegistryAuth)\b/.exec(query)?.[1];
}

/** Answers GraphQL requests by the operation's field. Failures have status 200 and `errors`, as at Runpod. */
export function answerGraphql({ request, user, mayWrite }: RestCall): StandInAnswer {
  if (request.method !== 'POST') return { status: 405, headers: { allow: 'POST' }, body: '' };
  const body = parsedObject(request.body);
  if (typeof body?.query !== 'string') return { ...graphqlError('BAD_REQUEST'), status: 400 };
  const field = graphqlField(request.body);
  if (field === 'myself') return data({ myself: { containerRegistryCreds: user.auths.map(shown) } });
  const mutation = MUTATIONS[field ?? ''];
  if (!mutation) return graphqlError('GRAPHQL_VALIDATION_FAILED');
  if (!mayWrite) return graphqlError('FORBIDDEN');
  return mutation(jsonObject(JSON.stringify(body.variables ?? {})), user);
}

/** Returns the variable `input` when it has exactly these fields and all are strings. */
function inputOf({ input }: Variables, names: readonly string[]): Record<string, string> | undefined {
  const entries = Object.entries(jsonObject(JSON.stringify(input ?? {})));
  const isText = (entry: [string, unknown]): entry is [string, string] =>
    names.includes(entry[0]) && typeof entry[1] === 'string';
  return entries.length === names.length && entries.every(isText) ? Object.fromEntries(entries) : undefined;
}

function data(value: object): StandInAnswer {
  return { status: 200, body: { data: value } };
}

/** Returns an error answer in Apollo's format. */
export function graphqlError(code: string): StandInAnswer {
  return {
    status: 200,
    body: { errors: [{ message: 'Something went wrong', extensions: { code } }], data: null },
  };
}
