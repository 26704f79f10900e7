import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SETTINGS_FILE } from '../../lambda/core/contract';
import type { RefresherSettings } from '../../lambda/core/model';
import { built } from './built-once';

/** Copies the refresher's bundle that supports every registry type into a folder, with these settings beside it. */
export function putFunction(directory: string, settings: RefresherSettings): void {
  put(built('bundle'), directory, settings);
}

/** Copies the watch's bundle that supports every registry type into a folder, with these settings beside it. */
export function putWatch(directory: string, settings: RefresherSettings): void {
  put(built('watch'), directory, settings);
}

function put(bundle: string, directory: string, settings: RefresherSettings): void {
  for (const file of ['index.mjs', 'index.mjs.map']) copyFileSync(join(bundle, file), join(directory, file));
  writeFileSync(join(directory, SETTINGS_FILE), JSON.stringify(settings));
}
