/** The checks of the pulls: what the workloads at Runpod can pull, and whether the watch looks at it. */

import { requireStack } from '../deployment/stack';
import { type LastLook, readLastLook } from '../deployment/watch';
import type { Operator } from '../operator';
import type { AskRoutes } from '../runpod/access';
import type { FreshLook } from '../runpod/pulls';
import type { Check } from './check';
import { watchCheck } from './watch-check';
import { workloadsCheck } from './workloads-check';

/** Makes the checks, each after those that it needs. @param options - `isWatched`: there is to be a watch */
export function pullChecks(
  operator: Operator,
  askRoutes: AskRoutes,
  { isWatched }: { readonly isWatched: boolean },
): Check[] {
  let fresh: FreshLook | undefined;
  let last: Promise<LastLook | undefined> | undefined;
  const intervalMinutes = async () => (await operator.pullWatch())?.intervalMinutes ?? 0;
  const read = async () => {
    if (!isWatched) return undefined;
    const group = (await requireStack(operator)).output('WatchLogGroupName');
    return readLastLook(operator, group, await intervalMinutes());
  };
  const lastLook = () => {
    last ??= read();
    return last;
  };
  const onLook = (look: FreshLook) => {
    fresh = look;
  };
  const workloads = workloadsCheck(operator, { askRoutes, readLastLook: lastLook, onLook });
  const watch = watchCheck(operator, {
    intervalMinutes,
    readLastLook: lastLook,
    foundNow: () => fresh?.findings,
  });
  return isWatched ? [workloads, watch] : [workloads];
}
