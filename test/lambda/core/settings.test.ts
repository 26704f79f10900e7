import { parseSettings } from '../../../lambda/core/settings';

const FILE = JSON.stringify({
  service: 'Test',
  targets: [{ name: 'prod', runpodApiKeySecretName: { env: 'SETTING_1' }, registry: { type: 'ecr' } }],
});

describe('parseSettings', () => {
  it('returns a file without references as it is', () => {
    expect(parseSettings('{"service":"Test","targets":[]}', {})).toEqual({ service: 'Test', targets: [] });
  });

  it('puts the text of an environment variable in the place of its reference', () => {
    const { targets } = parseSettings(FILE, { SETTING_1: 'arn:aws:secretsmanager:…' });

    expect(targets[0]?.runpodApiKeySecretName).toBe('arn:aws:secretsmanager:…');
  });

  it('names a variable that is not set', () => {
    expect(() => parseSettings(FILE, {})).toThrow('The environment variable SETTING_1 is not set.');
  });
});
