/** `usage`: where each registry auth is used, with the digests to pin. */

import { routeAsker } from '../doctor/account-links';
import { writtenAuths } from '../doctor/usage-link';
import { EXIT } from '../errors';
import type { Operator } from '../operator';
import type { Output } from '../output';
import { pinnedImage, type Use, usesOf } from '../usage';

/** Shows the table. @returns the exit code */
export async function usage(operator: Operator, output: Output): Promise<number> {
  const uses = await output.during('asking Runpod and ECR', () => look(operator));
  output.data({ uses });
  if (uses.length === 0) {
    output.line(
      'Nothing at Runpod pulls with these registry auths yet: choose one in a template or an endpoint.',
    );
    return EXIT.well;
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
    output.line('To pin what a tag means today, put this in its place:');
    for (const [image, pinned] of pins) {
      output.line(`  ${image}`);
      output.line(`    ${output.colors.cyan('→')} ${pinned}`);
    }
  }
  return EXIT.well;
}

async function look(operator: Operator): Promise<(Use & { readonly pinned?: string })[]> {
  const auths = await writtenAuths(operator, routeAsker(operator));
  const uses = await usesOf(operator, auths);
  const images = [...new Set(uses.map(({ image }) => image))];
  const pins = new Map(
    await Promise.all(images.map(async (image) => [image, await pinnedImage(operator, image)] as const)),
  );
  return uses.map((use) => {
    const pinned = pins.get(use.image);
    return pinned === undefined ? use : { ...use, pinned };
  });
}
