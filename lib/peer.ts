import type { Stack } from 'aws-cdk-lib';
import { RegionInfo } from 'aws-cdk-lib/region-info';
import { type Side, STANDBY_SUFFIX } from '../lambda/core/contract';
import type { OtherRegion } from '../lambda/core/model';
import { partitionOf, REGIONS } from './config/aws-regions';

/** The other one of two refreshers for the same targets. */
export interface Peer extends OtherRegion {
  /** What this refresher is, not the other one. */
  readonly side: Side;
  readonly stackName: string;
}

/** Returns the standby as the first refresher sees it. @param service - name of the first refresher */
export function standbyAsPeer(stack: Stack, service: string): Peer {
  return peerIn('primary', stack, standbyName(service));
}

/** Returns the first refresher as the standby sees it. @param service - name of the first refresher */
export function primaryAsPeer(stack: Stack, service: string): Peer {
  return peerIn('standby', stack, service);
}

/** Returns the name of a standby, or of its stack. */
export function standbyName(name: string): string {
  return `${name}${STANDBY_SUFFIX}`;
}

function peerIn(side: Side, { region, stackName }: Stack, service: string): Peer {
  return { side, region, stackName, service, metricsUrl: metricsUrl(region) };
}

/**
 * Returns the address of CloudWatch (AWS General Reference, "Amazon CloudWatch endpoints and quotas"). A region that the
 * installed CDK does not know has the domain of its partition.
 */
function metricsUrl(region: string): string {
  const suffix = [region, ...(REGIONS[partitionOf(region)] ?? [])]
    .map((known) => RegionInfo.get(known).domainSuffix)
    .find((found) => found !== undefined);
  return `https://monitoring.${region}.${suffix ?? 'amazonaws.com'}`;
}
