/** The question of `init` for the image that each refresh proves. */

import { DescribeImagesCommand, ECRClient } from '@aws-sdk/client-ecr';
import { parseImageName } from '../../lambda/core/images';
import type { Workload } from '../../lambda/core/runpod/workloads';
import { imageReference } from '../../lib/config/formats';
import { IMAGE_FORMATS } from '../../lib/config/registries';
import { usageError } from '../errors';
import { inspectImage } from '../images';
import type { Operator } from '../operator';
import type { Output } from '../output';
import { askChoice, askText, mayAsk } from '../prompts';
import { MAX_IMAGE_CHARACTERS, visibleName } from '../visible';
import type { InitFlags } from './options';
import { holdsImage, type RegistryEntry } from './registry';

/** How many images are offered. */
const MAX_OFFERED = 8;

/** Answers besides the offered images. No image has these names. */
const TYPED = 'typed ';
const NONE = '';

const QUESTION = 'Which image must each new login be able to pull?';

/** The platform of Runpod's machines. */
const PLATFORM = 'linux/amd64';

/** What happens without an image to prove. */
const WITHOUT = 'Without an image, each refresh proves only the login, not that an image can be pulled.';

/** What `chooseImage` needs to know. */
export interface ImageContext {
  readonly registry: RegistryEntry;
  readonly awsAccount: string;
  readonly workloads: readonly Workload[];
}

/**
 * Finds out the image to prove, from a flag or by a question. In ECR it must exist, because the first refresh would fail.
 *
 * @returns undefined for none
 * @throws CliError (usage error) when the image of the flag does not exist
 */
export async function chooseImage(
  operator: Operator,
  output: Output,
  flags: InitFlags,
  context: ImageContext,
): Promise<string | undefined> {
  if (flags.image) {
    if (!isImageOf(flags.image, context.registry)) {
      const { expected } = imageFormat(context.registry);
      throw usageError(`--image: expected ${expected}, found "${flags.image}".`);
    }
    const problem = await problemOf(operator, output, flags.image, context.registry);
    if (problem !== undefined) throw usageError(`--image: ${problem}`, 'Name another, or add --no-image.');
    return flags.image;
  }
  if (flags.image !== false && mayAsk(operator.options)) {
    const image = await askUntilFound(operator, output, context);
    if (image !== undefined) return image;
  }
  output.line(`${output.mark('warning')} ${WITHOUT}`);
  return undefined;
}

async function askUntilFound(
  operator: Operator,
  output: Output,
  context: ImageContext,
): Promise<string | undefined> {
  for (;;) {
    const image = await askImage(operator, output, context);
    const problem = image && (await problemOf(operator, output, image, context.registry));
    if (!problem) return image;
    output.line(`${output.mark('broken')} ${problem}`);
  }
}

/** Returns why an image cannot be pulled from ECR; undefined when it can, or when ECR does not say. */
async function problemOf(
  operator: Operator,
  output: Output,
  image: string,
  registry: RegistryEntry,
): Promise<string | undefined> {
  const name = parseImageName(image);
  if (registry.type !== 'ecr' || name === undefined || !isImageOf(image, registry)) return undefined;
  const { region } = registry;
  // The image may exist although ECR refuses to describe it, so this is no reason to stop.
  const state = await inspectImage(operator, { ...name, region }).catch(() => undefined);
  if (state?.found !== 'image') return state && `${name.repository} has no image ${name.reference}.`;
  if (state.platforms.length > 0 && !state.platforms.includes(PLATFORM)) {
    output.line(
      `${output.mark('warning')} ${image} is for ${state.platforms.join(', ')}. Runpod needs ${PLATFORM}.`,
    );
  }
  return undefined;
}

async function askImage(
  operator: Operator,
  output: Output,
  context: ImageContext,
): Promise<string | undefined> {
  const inUse = usedImages(context);
  const tagged = await output.withSpinner('listing your images', () =>
    taggedImages(operator, context.registry),
  );
  const offered = [...new Set([...inUse, ...tagged])].slice(0, MAX_OFFERED);
  if (offered.length === 0) return typeImage(context);
  const answer = await askChoice(QUESTION, [
    ...offered.map((image) => ({
      value: image,
      label: `${visibleName(image, MAX_IMAGE_CHARACTERS)}${inUse.includes(image) ? ' (in use)' : ''}`,
    })),
    { value: TYPED, label: 'another one' },
    { value: NONE, label: 'none: prove only the login' },
  ]);
  if (answer === TYPED) return typeImage(context);
  return answer === NONE ? undefined : answer;
}

async function typeImage(context: ImageContext): Promise<string | undefined> {
  const { expected } = imageFormat(context.registry);
  const answer = await askText(`${QUESTION} (may be empty)`, '', (text) =>
    text.trim() === '' || isImageOf(text.trim(), context.registry) ? undefined : `Enter ${expected}.`,
  );
  return answer.trim() || undefined;
}

/** Says what the image of a target is. */
function imageFormat(registry: RegistryEntry): { readonly expected: string } {
  const names = registry.type === 'ecr' ? ` of ${registry.repositories.join(', ')}` : '';
  return IMAGE_FORMATS[registry.type] ?? { expected: `an image as repository:tag${names}` };
}

/** Returns the images that workloads run, as the configuration names them. */
function usedImages({ registry, awsAccount, workloads }: ImageContext): string[] {
  return workloads
    .filter(({ image }) => holdsImage(registry, awsAccount, image))
    .flatMap(({ image }) => {
      const name = parseImageName(image);
      if (name === undefined) return [];
      const { repository, reference } = name;
      return `${repository}${reference.includes(':') ? '@' : ':'}${reference}`;
    })
    .filter((image) => isImageOf(image, registry));
}

function isImageOf(image: string, registry: RegistryEntry): boolean {
  if (!imageReference().safeParse(image).success) return false;
  if (registry.type === 'ecr') return registry.repositories.includes(image.split(/[:@]/)[0] ?? '');
  return IMAGE_FORMATS[registry.type]?.pattern.test(image) ?? true;
}

/** Returns the newest tagged images of the repositories; none if ECR does not list them. */
async function taggedImages(operator: Operator, registry: RegistryEntry): Promise<string[]> {
  if (registry.type !== 'ecr') return [];
  const lists = registry.repositories.map(async (repositoryName) => {
    const { imageDetails = [] } = await operator
      .client(ECRClient)
      .send(
        new DescribeImagesCommand({ repositoryName, filter: { tagStatus: 'TAGGED' }, maxResults: 1_000 }),
      );
    return imageDetails.map(({ imageTags = [], imagePushedAt }) => ({
      images: imageTags.map((tag) => `${repositoryName}:${tag}`),
      pushedAt: imagePushedAt?.getTime() ?? 0,
    }));
  });
  // The list only helps to answer, so an error leaves it empty.
  const found = await Promise.all(lists).catch(() => []);
  return found
    .flat()
    .sort((a, b) => b.pushedAt - a.pushedAt)
    .flatMap(({ images }) => images);
}
