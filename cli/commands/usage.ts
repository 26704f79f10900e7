/** `usage`: which workloads use each registry auth, with the digests to pin. */

import { EXIT } from '../errors';
import type { Operator } from '../operator';
import type { Output } from '../output';
import { routeAsker } from '../runpod/access';
import { listUses, pinImage, type Use } from '../runpod/usage';

/** Prints a table of the workloads, and the digest of each image. @returns the exit code */
export async function usage(operator: Operator, output: Output): Promise<number> {
  const uses = await output.withSpinner('asking Runpod and ECR', () => listPinnedUses(operator));
  output.data({ uses });
  if (uses.length === 0) {
    output.line('No workload uses these registry auths yet: choose one in a template or an endpoint.');
    return EXIT.ok;
  }
  const rows = uses.map(({ target, kind, name, image, latest }) => [
    target,
    kind,
    name,
    latest ? output.colors.yellow(image) : image,
  ]);
  output.table(['Target', 'Used by', 'Name', 'Image'], rows);
  const pins = new Map(
    uses.flatMap(({ image, pinned }) => (pinned && pinned !== image ? [[image, pinned]] : [])),
  );
  if (pins.size > 0) {
    output.line();
    output.line('To pin an image to its present digest, use this name instead:');
    for (const [image, pinned] of pins) {
      output.line(`  ${image}`);
      output.line(`    ${output.colors.cyan('→')} ${pinned}`);
    }
  }
  return EXIT.ok;
}

async function listPinnedUses(operator: Operator): Promise<(Use & { readonly pinned?: string })[]> {
  const uses = await listUses(operator, routeAsker(operator));
  const images = [...new Set(uses.map(({ image }) => image))];
  const pins = new Map(
    await Promise.all(images.map(async (image) => [image, await pinImage(operator, image)] as const)),
  );
  return uses.map((use) => {
    const pinned = pins.get(use.image);
    return pinned === undefined ? use : { ...use, pinned };
  });
}
