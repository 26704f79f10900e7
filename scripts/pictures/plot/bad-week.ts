/** One bad week of the simulated century. A rule chooses it, so that nobody can pick a good-looking one. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SETTINGS_FILE } from '../../../lambda/core/contract';
import type { RefresherSettings } from '../../../lambda/core/model';
import type { Synthesised } from '../../../lib/synthesise';
import type { Outage } from '../../../test/simulation/year/outages';
import { simulateYear, type YearReport } from '../../../test/simulation/year/year';
import type { Scenario } from './scenario';

const DAY_MS = 86_400_000;

/**
 * Returns the week around the first outage that stops refreshes for longer than the interval of the schedule. Its length
 * counts from the first run that was due. The years are those of the seeds 1, 2, 3 and so on, as in `npm run simulate`. The week begins
 * at midnight (UTC), one to two days before the outage.
 */
export async function badWeek({ template, assetDirectory }: Synthesised): Promise<Scenario> {
  const settings: RefresherSettings = JSON.parse(readFileSync(join(assetDirectory, SETTINGS_FILE), 'utf8'));
  for (let seed = 1; ; seed++) {
    const year = await simulateYear({ template, settings, seed });
    const first = year.outages.find(({ sinceDueRunMs }) => sinceDueRunMs > year.margin.intervalMs);
    if (first) return weekAround(first, year);
  }
}

function weekAround(outage: Outage, year: YearReport): Scenario {
  const fromMs = (Math.floor(outage.fromMs / DAY_MS) - 1) * DAY_MS;
  const toMs = fromMs + 7 * DAY_MS;
  const isShown = ({ atMs }: { readonly atMs: number }) => fromMs <= atMs && atMs < toMs;
  return {
    name: 'bad-week',
    title: 'One bad week',
    fromMs,
    toMs,
    lifeMs: year.margin.lifeMs,
    writes: year.timeline.writes.filter(({ atMs }) => atMs < toMs),
    runs: year.timeline.runs.filter(isShown),
    outages: year.outages.filter((one) => one.toMs > fromMs && one.fromMs < toMs),
    pages: year.pages
      .filter(isShown)
      .map(({ alarm, ...page }) => ({ ...page, alarm: alarm.replace(/^Alarms(\w+?)[0-9A-F]{8}$/, '$1') })),
  };
}
