import { ApiKeyAges, watchApiKeyAges } from '../../../lambda/core/api-key-age';
import { NOON } from '../../support/fake-clock';
import { anAwsRefusal, aSecretsManager, theSecret } from '../../support/secrets-manager';
import { rejectionOf } from '../../support/thrown';

describe('ApiKeyAges', () => {
  it('knows none before anything was read', () => {
    expect(new ApiKeyAges().oldestDays(NOON)).toBeUndefined();
  });

  it('tells the oldest of several keys in whole days', () => {
    const ages = new ApiKeyAges();

    ages.note('team-a', new Date(NOON - 3.9 * 24 * 3_600_000));
    ages.note('team-b', new Date(NOON - 90 * 24 * 3_600_000));

    expect(ages.oldestDays(NOON)).toBe(90);
  });

  it('goes by the current version of a key', () => {
    const ages = new ApiKeyAges();

    ages.note('team-a', new Date(NOON - 90 * 24 * 3_600_000));
    ages.note('team-a', new Date(NOON));

    expect(ages.oldestDays(NOON)).toBe(0);
  });
});

describe('watchApiKeyAges', () => {
  it('notes the age of what the client reads', async () => {
    const { client, provider } = aSecretsManager(theSecret('key', new Date(NOON - 7 * 24 * 3_600_000)));
    const ages = watchApiKeyAges(client);

    await provider.get('runpod/api-key');

    expect(ages.oldestDays(NOON)).toBe(7);
  });

  it('notes nothing of a read that fails', async () => {
    const { client, provider } = aSecretsManager(anAwsRefusal('ResourceNotFoundException', 400, 'not there'));
    const ages = watchApiKeyAges(client);

    await rejectionOf(provider.get('runpod/api-key'));

    expect(ages.oldestDays(NOON)).toBeUndefined();
  });
});
