import { Fact, FactName, RegionInfo } from 'aws-cdk-lib/region-info';
import { isKnownRegion, nearestRegion, partitionOf, REGIONS } from '../../../lib/config/aws-regions';

describe('REGIONS', () => {
  it('has the regions of the CDK by their partition', () => {
    const ofCdk = RegionInfo.regions.map(({ name, partition }) => `${partition} ${name}`);
    const listed = Object.entries(REGIONS).flatMap(([partition, names]) =>
      names.map((name) => `${partition} ${name}`),
    );

    expect(listed.sort()).toEqual(ofCdk.sort());
  });
});

describe('isKnownRegion', () => {
  it('knows a region that an app has registered with the CDK', () => {
    const before = isKnownRegion('us-north-1');
    Fact.register({ region: 'us-north-1', name: FactName.PARTITION, value: 'aws' });

    expect([before, isKnownRegion('us-north-1')]).toEqual([false, true]);
  });
});

describe('nearestRegion', () => {
  it.each([
    ['us-esat-1', 'us-east-1'],
    ['useast1', 'us-east-1'],
    ['EU-WEST-2', 'eu-west-2'],
    ['ap-southeast-11', 'ap-southeast-1'],
    ['mars', undefined],
  ])('of %s is %s', (text, expected) => {
    expect(nearestRegion(text)).toBe(expected);
  });

  it('does not compare a text of a million characters', () => {
    expect(nearestRegion('us-east-1'.repeat(111_111))).toBeUndefined();
  });
});

describe('partitionOf', () => {
  it('returns the partition that the CDK has for each region', () => {
    const found = Object.entries(REGIONS).flatMap(([partition, names]) =>
      names.map((name) => [partition, partitionOf(name)]),
    );

    expect(found.filter(([expected, actual]) => expected !== actual)).toEqual([]);
  });

  it('knows the partition of a new region by the beginning of its name', () => {
    const found = ['cn-south-1', 'us-gov-central-1', 'us-north-1'].map(partitionOf);

    expect(found).toEqual(['aws-cn', 'aws-us-gov', 'aws']);
  });
});
