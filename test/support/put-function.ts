import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SETTINGS_FILE } from '../../lambda/core/contract';
import type { RefresherSettings } from '../../lambda/core/model';
import { built } from './built-once';

/** Copies the bundle that supports every registry type into a folder, and writes these settings beside it. */
export function putFunction(directory: string, settings: RefresherSettings): void {
  const bundle = built('bundle');
  for (const file of ['index.mjs', 'index.mjs.map']) copyFileSync(join(bundle, file), join(directory, file));
  writeFileSync(join(directory, SETTINGS_FILE), JSON.stringify(settings));
}
