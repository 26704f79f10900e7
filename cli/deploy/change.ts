/** Changes an endpoint so that a lost answer does no harm. */

import { ApiUnsupportedError, RefresherError, TransientError } from '../../lambda/core/errors';
import { CliError } from '../errors';
import { type Change, type Endpoint, has, type RunpodEndpoints } from '../runpod/endpoints';

const MAX_ATTEMPTS = 3;

const PAUSE_MS = 1_000;

/**
 * Sends one change. After a lost or unclear answer the endpoint is read, and the change is sent again only where it was
 * not made.
 *
 * @returns the endpoint with the change
 * @throws CliError when Runpod refuses the change or does not make it
 */
export async function applyChange(endpoints: RunpodEndpoints, id: string, change: Change): Promise<Endpoint> {
  let failure = 'Runpod accepts the change and does not make it';
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    try {
      const changed = await endpoints.update(id, change);
      if (has(changed, change)) return changed;
    } catch (error) {
      if (!mayBeDone(error)) throw error;
      failure = error.message;
    }
    const now = await readBack(endpoints, id, failure);
    if (has(now, change)) return now;
    if (attempt < MAX_ATTEMPTS) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * attempt));
  }
  throw new CliError(`Runpod did not change the endpoint (${failure}).`, { fix: 'Try again.' });
}

/** Whether a failure leaves open whether the change was made. */
function mayBeDone(error: unknown): error is RefresherError {
  if (error instanceof TransientError) return true;
  return error instanceof ApiUnsupportedError && error.certainty !== 'final';
}

async function readBack(endpoints: RunpodEndpoints, id: string, failure: string): Promise<Endpoint> {
  try {
    return await endpoints.get(id);
  } catch (error) {
    if (!(error instanceof RefresherError)) throw error;
    throw new CliError(
      `It is not known whether Runpod changed the endpoint (${failure}; ${error.message}).`,
      {
        fix: 'Look at the endpoint at Runpod, then run the command again.',
      },
    );
  }
}
