/** `doctor`: which link of the chain is broken, and what mends it. */

import { accountLinks, routeAsker } from '../doctor/account-links';
import { type CheckedLink, walkChain } from '../doctor/chain';
import { deploymentLinks } from '../doctor/deployment-links';
import { pagingLink } from '../doctor/paging-link';
import { usageLink } from '../doctor/usage-link';
import { EXIT } from '../errors';
import type { Operator } from '../operator';
import type { Output } from '../output';

const TITLE_WIDTH = 23;

/** Walks the chain. @returns the exit code */
export async function doctor(operator: Operator, output: Output): Promise<number> {
  const askRoutes = routeAsker(operator);
  const links = [
    ...accountLinks(operator, askRoutes),
    ...deploymentLinks(operator),
    usageLink(operator, askRoutes),
    pagingLink(operator),
  ];
  const checked = await walkChain(
    links,
    (title, check) => output.during(title, check),
    (link) => show(output, link),
  );
  const cause = checked.find(({ status }) => status === 'broken');
  output.data({ healthy: cause === undefined, cause: cause?.id ?? null, links: checked });
  output.line();
  output.line(
    cause
      ? `${output.colors.red('The chain is broken at:')} ${cause.title}.`
      : output.colors.green(`All ${checked.length} links hold.`),
  );
  return cause ? EXIT.broken : EXIT.well;
}

function show(output: Output, { title, status, found, mend }: CheckedLink): void {
  const { colors } = output;
  const [first = '', ...more] = found;
  const mark = output.mark(status === 'not-checked' ? 'skipped' : status);
  const text = status === 'not-checked' ? colors.dim(first) : first;
  output.line(`${mark} ${colors.bold(title.padEnd(TITLE_WIDTH))}${text}`);
  for (const line of more) output.line(`${' '.repeat(TITLE_WIDTH + 2)}${line}`);
  if (mend !== undefined) output.line(`${' '.repeat(TITLE_WIDTH + 2)}${colors.cyan('→')} ${mend}`);
}
