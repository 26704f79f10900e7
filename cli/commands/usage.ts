/** `usage`: which workloads use each registry auth, with the digests to pin. */

import { parseImageName } from '../../lambda/core/images';
import { isId } from '../../lambda/core/runpod/api';
import { EXIT } from '../exit-codes';
import type { Operator } from '../operator';
import { commandLine } from '../options';
import type { Output } from '../output';
import { routeAsker } from '../runpod/access';
import { listUses, pinImage, type Use } from '../runpod/usage';
import { MAX_IMAGE_CHARACTERS, visibleName } from '../visible';

/** Prints a table of the workloads, and the digest of each image. @returns the exit code */
export async function usage(operator: Operator, output: Output): Promise<number> {
  const uses = await output.withSpinner('asking Runpod and ECR', () => listPinnedUses(operator));
  output.data({ uses });
  if (uses.length === 0) {
    output.line('No workload uses these registry auths yet: choose one in a template or an endpoint.');
    return EXIT.ok;
  }
  const rows = uses.map(({ target, kind, name, image, latest }) => {
    const shown = visibleName(image, MAX_IMAGE_CHARACTERS);
    return [target, kind, visibleName(name), latest ? output.colors.yellow(shown) : shown];
  });
  output.table(['Target', 'Used by', 'Name', 'Image'], rows);
  showPins(output, uses);
  const unknown = new Map(uses.flatMap(({ image, notPinned }) => (notPinned ? [[image, notPinned]] : [])));
  if (unknown.size > 0) {
    output.line();
    output.line('The digest of these images is not known:');
    for (const [image, why] of unknown) output.line(`  ${visibleName(image, MAX_IMAGE_CHARACTERS)}: ${why}`);
  }
  return EXIT.ok;
}

/** Shows the digest of each image that is named by a tag, and the command that gives it to an endpoint. */
function showPins(output: Output, uses: readonly PinnedUse[]): void {
  const pins = new Map(
    uses.flatMap(({ image, pinned }) => (pinned && pinned !== image ? [[image, pinned]] : [])),
  );
  if (pins.size === 0) return;
  output.line();
  output.line('To pin an image to its present digest, use this name instead:');
  for (const [image, pinned] of pins) {
    output.line(`  ${image}`);
    output.line(`    ${output.arrow('is')} ${pinned}`);
    for (const use of uses) {
      if (use.image === image && use.deploy !== undefined) output.line(`      ${use.deploy}`);
    }
  }
}

/** Returns the command that pins the image of an endpoint; undefined when the name could be more than a word of a shell. */
function pinCommand(operator: Operator, { kind, id, image, pinned }: PinnedUse): string | undefined {
  if (kind !== 'endpoint' || pinned === undefined || pinned === image) return undefined;
  if (!isId(id) || parseImageName(image) === undefined) return undefined;
  return commandLine(`deploy ${id} --image ${image}`, operator.options);
}

/** A use with the digest of its image, as `--json` shows it. */
interface PinnedUse extends Use {
  /** The image's name by its digest. @default - it is not in ECR, or its digest is not known */
  readonly pinned?: string;
  /** Why the digest is not known. @default - it is known, or the image is not in ECR */
  readonly notPinned?: string;
  /** The command that pins the image. @default - it is not the unpinned image of an endpoint */
  readonly deploy?: string;
}

async function listPinnedUses(operator: Operator): Promise<PinnedUse[]> {
  const uses = await listUses(operator, routeAsker(operator));
  const images = [...new Set(uses.map(({ image }) => image))];
  const pins = new Map(
    await Promise.all(images.map(async (image) => [image, await pinImage(operator, image)] as const)),
  );
  return uses.map((use) => {
    const pin = pins.get(use.image);
    if (pin === undefined) return use;
    if (!('pinned' in pin)) return { ...use, notPinned: pin.unknown };
    const pinned = { ...use, pinned: pin.pinned };
    const deploy = pinCommand(operator, pinned);
    return { ...pinned, ...(deploy !== undefined && { deploy }) };
  });
}
