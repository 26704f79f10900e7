/** One look at the workloads of the targets: which of them cannot pull their image, and which soon cannot. */

import { mapConcurrently } from '../concurrency';
import type { Workload } from '../runpod/workloads';
import { AccountLook } from './account-look';
import { LookRun } from './look-run';
import { keyOf, type Look, type LookRequest, type LookServices } from './model';

/** How many workloads are looked at at a time. Most of the time of a look is waiting for logs. */
const CONCURRENT_WORKLOADS = 16;

/**
 * Looks at every active endpoint and pod that uses a target or whose image is in a target's registry.
 *
 * It only reads: GET and HEAD at Runpod and at registries. Nothing is thrown for what cannot be looked at; the result
 * says it.
 */
export async function lookAtPulls(request: LookRequest, services: LookServices): Promise<Look> {
  const run = new LookRun(request, services);
  const secretNames = [...new Set(request.targets.map((target) => target.runpodApiKeySecretName))];
  const accounts = secretNames.map((secretName) => new AccountLook(run, secretName));
  await mapConcurrently(accounts, CONCURRENT_WORKLOADS, (account) => account.list());
  const all = eachWorkloadOnce(accounts);
  // What was not looked at before is first. The others keep a fixed order.
  const since = new Map(all.map(({ account, workload }) => [workload, account.logSinceMs(workload)]));
  all.sort((a, b) => (since.get(a.workload) ?? 0) - (since.get(b.workload) ?? 0));
  // Logs come last, because only they wait for Runpod's quota.
  const ours = await mapConcurrently(all, CONCURRENT_WORKLOADS, async ({ account, workload }) => ({
    account,
    workload,
    target: await account.lookAt(workload),
  }));
  await mapConcurrently(ours, CONCURRENT_WORKLOADS, async ({ account, workload, target }) => {
    if (target) await account.lookAtLog(workload, target);
  });
  return run.result(accounts);
}

/**
 * Two secrets may hold keys of one Runpod account. Then both list the same workloads, and only the one whose target has
 * the registry auth of a workload looks at it.
 */
function eachWorkloadOnce(
  accounts: readonly AccountLook[],
): { readonly account: AccountLook; readonly workload: Workload }[] {
  const entries = new Map<string, { readonly account: AccountLook; readonly workload: Workload }>();
  for (const account of accounts) {
    for (const workload of account.workloads) {
      const owner = accounts.find((other) => other.hasAuth(workload.registryAuthId)) ?? account;
      const key = keyOf(workload);
      if (owner === account && !entries.has(key)) entries.set(key, { account, workload });
    }
  }
  return [...entries.values()];
}
