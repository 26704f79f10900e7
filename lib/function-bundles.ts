import { join } from 'node:path';
import type { Registry, Target } from '../lambda/core/model';

/**
 * Clients of AWS that only some registries need. A bundle of the refresher has those of its registries, because each
 * one lengthens the cold start (docs/decisions/0006).
 */
const CLIENTS = {
  ecr: ({ type }: Registry) => type === 'ecr',
  'ecr-public': ({ type }: Registry) => type === 'ecr-public',
  sts: (registry: Registry) => registry.type === 'ecr' && registry.roleArn !== undefined,
} as const;

/** A client that only some registries need. */
export type ClientName = keyof typeof CLIENTS;

/** Every set of clients that some registries need. `sts` is needed only together with `ecr`. */
export const CLIENT_SETS: readonly (readonly ClientName[])[] = [
  [],
  ['ecr'],
  ['ecr-public'],
  ['ecr', 'ecr-public'],
  ['ecr', 'sts'],
  ['ecr', 'ecr-public', 'sts'],
];

/** Returns the folder of the refresher's bundle with a set of clients, within the folder of all bundles. */
export function refresherFolder(clients: readonly ClientName[]): string {
  return join('refresh-credentials', clients.join('+') || 'none');
}

/** Folder of the watch's bundle, within the folder of all bundles. It has every client: nobody waits for its cold start. */
export const WATCH_FOLDER = 'watch-pulls';

/** Folder of the delegation function's bundle, within the folder of all bundles. */
export const DELEGATION_FOLDER = 'delegate-repository';

/** Returns the folder of the refresher's bundle for these targets, within the folder of all bundles. */
export function folderFor(targets: readonly Target[]): string {
  const names = Object.keys(CLIENTS) as ClientName[];
  return refresherFolder(names.filter((name) => targets.some(({ registry }) => CLIENTS[name](registry))));
}
