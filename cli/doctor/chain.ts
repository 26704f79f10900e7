/** The chain from your AWS identity to the workers at Runpod and to whoever is paged, walked link by link. */

import { asRefresherError, RefresherError } from '../../lambda/core/errors';
import { ConfigError } from '../../lib/config/mistakes';
import { CliError, describeAwsError } from '../errors';

/** How a link stands. */
export interface Finding {
  readonly status: 'ok' | 'warning' | 'broken';
  /** What was found, or what is wrong; the first line is the summary. */
  readonly found: readonly string[];
  /** The command or the edit that mends it; only where something is to be done. */
  readonly mend?: string;
}

/** One link of the chain. It holds only if those before it hold. */
export interface Link {
  readonly id: string;
  readonly title: string;
  check(): Promise<Finding>;
}

/** A link that was walked to, or not. */
export interface CheckedLink extends Pick<Link, 'id' | 'title'> {
  readonly status: Finding['status'] | 'not-checked';
  readonly found: readonly string[];
  readonly mend?: string;
}

/** All is as it should be. */
export function holds(...found: string[]): Finding {
  return { status: 'ok', found };
}

/** It works, but somebody should know. */
export function warns(found: readonly string[], mend?: string): Finding {
  return { status: 'warning', found, ...(mend !== undefined && { mend }) };
}

/** Here the chain is broken. */
export function breaks(found: readonly string[], mend: string): Finding {
  return { status: 'broken', found, mend };
}

/**
 * Walks the chain until a link is broken: what comes after it could only repeat the cause in other words.
 *
 * @param during - wraps each check, to show that something is going on
 * @param tell - told of each link as soon as it is known
 */
export async function walkChain(
  links: readonly Link[],
  during: (title: string, check: () => Promise<Finding>) => Promise<Finding>,
  tell: (link: CheckedLink) => void,
): Promise<CheckedLink[]> {
  const checked: CheckedLink[] = [];
  let broken = false;
  for (const link of links) {
    const { id, title } = link;
    const result: CheckedLink = broken
      ? { id, title, status: 'not-checked', found: ['not checked'] }
      : { id, title, ...(await during(title, () => checkSafely(link))) };
    broken ||= result.status === 'broken';
    checked.push(result);
    tell(result);
  }
  return checked;
}

/** What a link did not foresee is a finding too. */
async function checkSafely(link: Link): Promise<Finding> {
  try {
    return await link.check();
  } catch (error) {
    if (error instanceof ConfigError || error instanceof CliError) return breaks([error.message], TRY_AGAIN);
    if (error instanceof RefresherError) return breaks([asRefresherError(error).message], TRY_AGAIN);
    return breaks([describeAwsError(error)], TRY_AGAIN);
  }
}

const TRY_AGAIN = 'put that right, then run the doctor again';
