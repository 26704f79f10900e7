import { nearest } from './nearest';

/**
 * The regions of AWS, by partition. A test compares them with those of the CDK.
 *
 * They are listed here because the CDK takes about 100 ms to list them, and every command reads the configuration.
 */
export const REGIONS: Readonly<Record<string, readonly string[]>> = {
  aws: [
    'af-south-1',
    'ap-east-1',
    'ap-east-2',
    'ap-northeast-1',
    'ap-northeast-2',
    'ap-northeast-3',
    'ap-south-1',
    'ap-south-2',
    'ap-southeast-1',
    'ap-southeast-2',
    'ap-southeast-3',
    'ap-southeast-4',
    'ap-southeast-5',
    'ap-southeast-6',
    'ap-southeast-7',
    'ca-central-1',
    'ca-west-1',
    'eu-central-1',
    'eu-central-2',
    'eu-north-1',
    'eu-south-1',
    'eu-south-2',
    'eu-west-1',
    'eu-west-2',
    'eu-west-3',
    'il-central-1',
    'me-central-1',
    'me-south-1',
    'me-west-1',
    'mx-central-1',
    'sa-east-1',
    'us-east-1',
    'us-east-2',
    'us-west-1',
    'us-west-2',
  ],
  'aws-cn': ['cn-north-1', 'cn-northwest-1'],
  'aws-eusc': ['eusc-de-east-1'],
  'aws-iso': ['us-iso-east-1', 'us-iso-west-1'],
  'aws-iso-b': ['us-isob-east-1', 'us-isob-west-1'],
  'aws-iso-e': ['eu-isoe-west-1'],
  'aws-iso-f': ['us-isof-east-1', 'us-isof-south-1'],
  'aws-us-gov': ['us-gov-east-1', 'us-gov-west-1'],
};

const LISTED = Object.values(REGIONS).flat();

/** Returns whether a region is listed here, or is known to the installed CDK, which may be newer. */
export function isKnownRegion(region: string): boolean {
  return LISTED.includes(region) || regionsOfCdk().includes(region);
}

/** Returns the region that a misspelt text probably means; undefined when none is similar. */
export function nearestRegion(text: string): string | undefined {
  return nearest(text, LISTED);
}

/** The partitions besides `aws`, each with the beginning of its regions' names. */
const PARTITION_PREFIXES: Readonly<Record<string, string>> = {
  'aws-cn': 'cn-',
  'aws-eusc': 'eusc-',
  'aws-iso': 'us-iso-',
  'aws-iso-b': 'us-isob-',
  'aws-iso-e': 'eu-isoe-',
  'aws-iso-f': 'us-isof-',
  'aws-us-gov': 'us-gov-',
};

/** Returns the partition of a region, such as `aws-cn`. The region need not be known. */
export function partitionOf(region: string): string {
  const found = Object.entries(PARTITION_PREFIXES).find(([, prefix]) => region.startsWith(prefix));
  return found?.[0] ?? 'aws';
}

/** The CDK is loaded when it is needed: the command line works without it for most commands. */
function regionsOfCdk(): readonly string[] {
  try {
    const { Fact }: typeof import('aws-cdk-lib/region-info') = require('aws-cdk-lib/region-info');
    return Fact.regions;
  } catch {
    return [];
  }
}
