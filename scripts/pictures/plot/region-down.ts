/** The days around the loss of a region, without a standby and with one. */

import type { RefresherConfig } from '../../../lib/config/schema';
import { dayOfARegionDown, type ShownCourse, type ShownOutage } from '../../../test/simulation/regions/day';
import { twoRegionStacks } from '../../../test/simulation/regions/stacks';
import type { Scenario } from './scenario';

/** What is down, by the simulation's name of the outage. */
const DOWN: Readonly<Record<string, string>> = { runpod: 'Runpod', 'rest-v2': "Runpod's REST v2" };

/** Returns the same two days twice. `dayOfARegionDown` chooses them by a rule. @param outdir - existing directory */
export async function regionDown(config: RefresherConfig, outdir: string): Promise<Scenario[]> {
  const { alone, together } = await dayOfARegionDown(twoRegionStacks(config, outdir));
  return [
    scenarioOf('region-down-alone', 'A region is down, without a standby', alone),
    scenarioOf('region-down-standby', 'A region is down, with a standby', together),
  ];
}

function scenarioOf(name: string, title: string, course: ShownCourse): Scenario {
  const outages = course.outages.map((outage) => ({ ...outage, down: downIn(outage) }));
  return { ...course, name, title, outages };
}

function downIn({ side, causes }: ShownOutage): string {
  const [cause = ''] = causes;
  if (cause !== 'region') return DOWN[cause] ?? cause;
  return side === 'standby' ? "the standby's region" : 'the whole region of the refresher';
}
