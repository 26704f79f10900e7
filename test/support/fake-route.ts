import type { RouteName } from '../../lambda/core/model';
import type { RunpodRoute } from '../../lambda/core/runpod/api';

/** What a route of a test does differently from one that succeeds at everything. */
export type RouteBehaviour = Partial<Omit<RunpodRoute, 'name'>>;

/** A route that succeeds, except where the test gives a behaviour. It adds calls such as "rest-v2 update auth-prod". */
export function aRoute(name: RouteName, calls: string[], behaviour: RouteBehaviour = {}): RunpodRoute {
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

/** The routes that have a behaviour, in the order of the settings. */
export function someRoutes(
  behaviours: Partial<Record<RouteName, RouteBehaviour>>,
  calls: string[],
): RunpodRoute[] {
  const names: RouteName[] = ['rest-v2', 'rest-v1', 'graphql'];
  return names.flatMap((name) => {
    const behaviour = behaviours[name];
    return behaviour === undefined ? [] : [aRoute(name, calls, behaviour)];
  });
}
