import type { StandInAnswer } from '../stand-in-server';
import { jsonObject, type RestCall, shown } from './rest';

/** The operation's field in a GraphQL request, such as `updateRegistryAuth`. */
export function graphqlField(body: string): string | undefined {
  const { query } = jsonObject(body);
  if (typeof query !== 'string') return undefined;
  return /\b(myself|saveRegistryAuth|updateRegistryAuth|deleteRegistryAuth)\b/.exec(query)?.[1];
}

/** GraphQL, recognised by the operation's field: failures come with status 200 and `errors`. */
export function answerGraphql({ request, user, mayWrite }: RestCall): StandInAnswer {
  const { variables } = jsonObject(request.body);
  const { input } = jsonObject(JSON.stringify(variables ?? {}));
  const { id, name, username, password } = jsonObject(JSON.stringify(input ?? {}));
  const field = graphqlField(request.body);
  if (field === 'myself') {
    return data({ myself: { containerRegistryCreds: user.auths.map(shown) } });
  }
  if (!mayWrite) return graphqlError('FORBIDDEN');
  if (field === 'updateRegistryAuth') {
    const auth = user.update(String(id), String(username), String(password));
    return auth ? data({ [field]: shown(auth) }) : graphqlError('INTERNAL_SERVER_ERROR');
  }
  if (field === 'saveRegistryAuth') {
    const auth = user.create({ name: String(name), username: String(username), password: String(password) });
    return auth ? data({ [field]: shown(auth) }) : graphqlError('BAD_USER_INPUT');
  }
  return graphqlError('GRAPHQL_VALIDATION_FAILED');
}

function data(value: object): StandInAnswer {
  return { status: 200, body: { data: value } };
}

/** An error in Apollo's shape. */
export function graphqlError(code: string): StandInAnswer {
  return {
    status: 200,
    body: { errors: [{ message: 'Something went wrong', extensions: { code } }], data: null },
  };
}
