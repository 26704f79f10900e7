/**
 * `npm run pictures [-- --check]`: draws the pictures of README and of the documentation into docs/pictures.
 *
 * With `--check` nothing is written. Then the exit code is 1 when a picture is stale, and standard output names it.
 */

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readConfigFile } from '../../lib/config/load';
import type { RefresherConfig } from '../../lib/config/schema';
import { synthesise } from '../../lib/synthesise';
import { drawArchitecture } from './architecture/draw';
import { readFacts } from './architecture/facts';
import { NARROW, WIDE } from './architecture/layouts';
import type { Picture } from './picture';
import { badWeek } from './plot/bad-week';
import { drawPlot, PLOT_SIZES } from './plot/draw';
import { regionDown } from './plot/region-down';
import { drawTerminal } from './terminal/draw';
import { firstDifference, kept, RECORDINGS, type Recording, record } from './terminal/record';
import { SHOWS, type Show } from './terminal/shows';
import { THEME_NAMES } from './theme';

const ROOT = join(__dirname, '../..');
const PICTURES = 'docs/pictures';

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });

run(values.check).then((isFresh) => {
  process.exitCode = isFresh ? 0 : 1;
});

async function run(isCheck: boolean): Promise<boolean> {
  const files = await allFiles();
  const stale = [...files].filter(([path, content]) => contentOf(path) !== content).map(([path]) => path);
  const unknown = [PICTURES, RECORDINGS]
    .flatMap((folder) => namesIn(folder).map((name) => `${folder}/${name}`))
    .filter((path) => !files.has(path));
  for (const path of [...stale, ...unknown]) say(isCheck ? `stale: ${path}` : path);
  if (isCheck) return stale.length + unknown.length === 0;
  for (const folder of [PICTURES, RECORDINGS]) mkdirSync(join(ROOT, folder), { recursive: true });
  for (const path of stale) writeFileSync(join(ROOT, path), files.get(path) ?? '');
  for (const path of unknown) rmSync(join(ROOT, path));
  say(`${files.size} files, ${stale.length + unknown.length} of them changed`);
  return true;
}

/** Returns what each file must hold, by its path from the root. */
async function allFiles(): Promise<Map<string, string>> {
  const outdir = mkdtempSync(join(tmpdir(), 'pictures-'));
  try {
    const recorded = Promise.all(SHOWS.map(async (show) => ({ show, recording: await recordOrKeep(show) })));
    const drawn = await Promise.all([
      fromTemplate(readConfigFile(join(ROOT, 'refresher.config.example.json')), outdir),
      recorded.then((all) =>
        all.map(
          ({ show, recording }): Picture => ({
            name: show.name,
            draw: (theme) => drawTerminal(show, recording.rows, theme),
          }),
        ),
      ),
    ]);
    const recordings = (await recorded).map(
      ({ show, recording }) => [`${RECORDINGS}/${show.name}.ansi`, recording.bytes] as const,
    );
    const pictures = drawn
      .flat()
      .flatMap(({ name, draw }) =>
        THEME_NAMES.map((theme) => [`${PICTURES}/${name}-${theme}.svg`, draw(theme)] as const),
      );
    return new Map([...pictures, ...recordings]);
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

async function fromTemplate(example: RefresherConfig, outdir: string): Promise<Picture[]> {
  const synthesised = synthesise(example, outdir);
  const facts = readFacts(synthesised.template);
  const scenarios = [
    await badWeek(synthesised),
    ...(await regionDown(example, mkdtempSync(join(outdir, 'regions-')))),
  ];
  return [
    ...[WIDE, NARROW].map(
      (layout): Picture => ({ name: layout.name, draw: (theme) => drawArchitecture(facts, layout, theme) }),
    ),
    ...scenarios.flatMap((scenario) =>
      PLOT_SIZES.map(
        (size): Picture => ({
          name: `${scenario.name}${size.suffix}`,
          draw: (theme) => drawPlot(scenario, size, theme),
        }),
      ),
    ),
  ];
}

/**
 * Records a command. The stored recording stays when only times and the like differ. Any other difference is recorded
 * again, because on a busy machine a command may run into a timeout.
 */
async function recordOrKeep(show: Show): Promise<Recording> {
  const before = await kept(show);
  const first = await record(show);
  if (!before) return first;
  if (!firstDifference(before, first)) return before;
  const second = await record(show);
  const difference = firstDifference(before, second);
  if (!difference) return before;
  say(`${show.name} differs:\n- ${difference[0]}\n+ ${difference[1]}`);
  return second;
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(join(ROOT, path), 'utf8');
  } catch {
    return undefined;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(join(ROOT, folder));
  } catch {
    return [];
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
