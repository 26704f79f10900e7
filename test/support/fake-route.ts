import type { RouteName } from '../../lambda/core/model';
import type { RunpodRoute } from '../../lambda/core/runpod/api';

/** A route that does everything, except for what the test gives; each call is noted as "rest-v2 update auth-prod". */
export function aRoute(
  name: RouteName,
  calls: string[],
  behaviour: Partial<Omit<RunpodRoute, 'name'>> = {},
): RunpodRoute {
  return {
    name,
    list(call) {
      calls.push(`${name} list`);
      return behaviour.list?.(call) ?? Promise.resolve([]);
    },
    create(call, authName, credential) {
      calls.push(`${name} create ${authName}`);
      return (
        behaviour.create?.(call, authName, credential) ??
        Promise.resolve({ id: `new-${authName}`, name: authName })
      );
    },
    update(call, id, credential) {
      calls.push(`${name} update ${id}`);
      return behaviour.update?.(call, id, credential) ?? Promise.resolve();
    },
  };
}
