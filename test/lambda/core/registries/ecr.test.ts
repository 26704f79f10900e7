import { ecrCacheKey } from '../../../../lambda/core/registries/ecr';
import { anEcrRegistry } from '../../../support/builders';

const ROLE = 'arn:aws:iam::210987654321:role/pull';

describe('ecrCacheKey', () => {
  it('is the same for registries that differ only in their repositories', () => {
    const one = anEcrRegistry({ repositories: ['a'] });
    const other = anEcrRegistry({ repositories: ['b', 'c'] });

    expect(ecrCacheKey(one)).toBe(ecrCacheKey(other));
  });

  it.each([
    ['region', { region: 'eu-central-1' }],
    ['role', { roleArn: ROLE }],
    ['external id', { roleArn: ROLE, externalId: 'x' }],
  ])('differs for registries of another %s', (_, differences) => {
    const keys = new Set(
      [anEcrRegistry(), anEcrRegistry({ roleArn: `${ROLE}2` }), anEcrRegistry(differences)].map(ecrCacheKey),
    );

    expect(keys.size).toBe(3);
  });
});
