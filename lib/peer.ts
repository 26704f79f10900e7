import type { Stack } from 'aws-cdk-lib';
import { RegionInfo } from 'aws-cdk-lib/region-info';
import { STANDBY_SUFFIX } from '../lambda/core/contract';
import { partitionOf, REGIONS } from './config/aws-regions';

/**
 * The other of two refreshers for the same targets.
 *
 * It does not extend `OtherRegion`, because the types in the package must not import types of `lambda`.
 */
export interface Peer {
  /** The side of this refresher, not of the other one. */
  readonly side: 'primary' | 'standby';
  readonly region: string;
  readonly stackName: string;
  /** Name of the other refresher. */
  readonly service: string;
  /** Address of CloudWatch in the other region. */
  readonly metricsUrl: string;
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

function peerIn(side: Peer['side'], { region, stackName }: Stack, service: string): Peer {
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
