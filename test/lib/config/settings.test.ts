import { toSettings } from '../../../lib/config/settings';
import { config, targetJson } from './builder';

describe('toSettings', () => {
  it('writes the secret of the API key into every target, and leaves out the stack’s region', () => {
    const settings = toSettings(
      config({
        stackName: 'Team',
        runpodApiKeySecretName: 'runpod/all',
        targets: [
          targetJson(),
          targetJson({ name: 'b', registryAuthId: 'b1', runpodApiKeySecretName: 'runpod/team-b' }),
        ],
      }),
    );

    const registry = { type: 'ecr', repositories: ['worker'] };
    expect(settings).toEqual({
      service: 'Team',
      targets: [
        {
          name: 'prod',
          registryAuthId: 'clzdaifot0001l90809257ynb',
          runpodApiKeySecretName: 'runpod/all',
          registry,
          verify: 'best-effort',
        },
        {
          name: 'b',
          registryAuthId: 'b1',
          runpodApiKeySecretName: 'runpod/team-b',
          registry,
          verify: 'best-effort',
        },
      ],
      runpod: {
        api: 'auto',
        restV2Url: 'https://api.runpod.io/v2',
        restV1Url: 'https://rest.runpod.io/v1',
        graphqlUrl: 'https://api.runpod.io/graphql',
      },
      minCredentialMinutes: 600,
    });
  });

  it('asks for a credential that outlives the next run and the time in which a person acts', () => {
    expect(toSettings(config({ refreshIntervalHours: 1 })).minCredentialMinutes).toBe(60 + 240);
  });
});
