import { createEcr } from '../../../../lambda/core/registries/ecr';
import { anEcrRegistry } from '../../../support/builders';
import { FakeClock } from '../../../support/fake-clock';

const ROLE = 'arn:aws:iam::210987654321:role/pull';

describe('createEcr', () => {
  const { shareKey } = createEcr(new FakeClock());

  it('lets registries share a credential that differ in their repositories only', () => {
    const one = anEcrRegistry({ repositories: ['a'] });
    const other = anEcrRegistry({ repositories: ['b', 'c'] });

    expect(shareKey(one)).toBe(shareKey(other));
  });

  it.each([
    ['region', { region: 'eu-central-1' }],
    ['role', { roleArn: ROLE }],
    ['external id', { roleArn: ROLE, externalId: 'x' }],
  ])('lets registries of another %s share none', (_, differences) => {
    const keys = new Set(
      [anEcrRegistry(), anEcrRegistry({ roleArn: `${ROLE}2` }), anEcrRegistry(differences)].map(shareKey),
    );

    expect(keys.size).toBe(3);
  });
});
