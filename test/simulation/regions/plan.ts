/** What goes wrong in a simulated year of two regions, drawn at random from a seed. */

import type { Side } from '../../../lambda/core/contract';
import { drawStart, drawYear, type Incident, type RegionKind, type YearPlan } from '../year/incidents';
import type { SeededRandom } from '../year/random';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** The two sides, the first refresher first. */
export const SIDES = ['primary', 'standby'] as const satisfies readonly Side[];

/** Kinds of incidents of `drawYear` that concern only one of two refreshers: its region or its permissions. */
const OF_ONE_SIDE: ReadonlySet<string> = new Set<Incident['kind']>([
  'secrets-manager',
  'delivery',
  'throttling',
  'metrics-lost',
  'ecr-denied',
  'secret-denied',
  'schedule-denied',
  'schedule-disabled',
]);

/** Average number of each in a year and a region. Most real years have none. */
const PER_YEAR: Readonly<Record<RegionKind, number>> = {
  region: 4,
  lambda: 2,
  'event-bridge': 2,
  cloudwatch: 2,
};

/** How often ECR of the images' region is down too, when the first region is down. */
const ECR_TOO = 0.3;

/** How often an outage of a region overlaps with an outage of the other one. */
const OVERLAP = 0.15;

/**
 * Draws a year of two regions: the incidents of `drawYear`, and outages of each region. The images are in the first
 * refresher's region, whose ECR may fail with the rest of it.
 *
 * @param startMs - when the first refresher runs first
 * @param intervalMs - interval of each schedule; the standby's is half an interval later
 */
export function drawTwoRegions(random: SeededRandom, startMs: number, intervalMs: number): YearPlan {
  const plan = drawYear(random, startMs, intervalMs / 2);
  const shared = plan.incidents.map((incident) =>
    OF_ONE_SIDE.has(incident.kind) ? { ...incident, side: random.oneOf(SIDES) } : incident,
  );
  const outages = SIDES.flatMap((side) =>
    (Object.keys(PER_YEAR) as RegionKind[]).flatMap((kind) =>
      Array.from({ length: random.count(PER_YEAR[kind]) }, () => {
        const fromMs = drawStart(random, startMs, intervalMs / 2);
        return { kind, side, fromMs, toMs: fromMs + drawLengthMs(random) };
      }),
    ),
  );
  const regional = outages.flatMap((outage) => [outage, ...drawCompany(random, outage)]);
  return { ...plan, incidents: [...shared, ...regional].sort((a, b) => a.fromMs - b.fromMs) };
}

/** Most are short with a heavy tail. One in four lasts 6 to 24 hours, and one in twenty for days. */
function drawLengthMs(random: SeededRandom): number {
  const draw = random.next();
  if (draw < 0.05) return random.between(30, 120) * HOUR_MS;
  if (draw < 0.3) return random.between(6, 24) * HOUR_MS;
  return random.heavyTailed(10 * MINUTE_MS, 36 * HOUR_MS, 0.7);
}

/** Draws what else is down during the outage of a region. */
function drawCompany(random: SeededRandom, { kind, side, fromMs, toMs }: Incident): Incident[] {
  if (kind !== 'region') return [];
  const company: Incident[] = [];
  if (side === 'primary' && random.next() < ECR_TOO) company.push({ kind: 'ecr', fromMs, toMs });
  if (random.next() < OVERLAP) {
    const startMs = random.between(fromMs, toMs);
    const other = side === 'primary' ? 'standby' : 'primary';
    company.push({ kind, side: other, fromMs: startMs, toMs: startMs + drawLengthMs(random) });
  }
  return company;
}
