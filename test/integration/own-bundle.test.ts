import type { RefresherSettings, Registry } from '../../lambda/core/model';
import { writeRefresher } from '../../lib/function-code';
import { eachTestIn, type World } from './world';

const ROLE = 'arn:aws:iam::210987654321:role/pull';
const LOGIN = { username: 'robot', password: 'gR7pQ2xW9kLm4Zs8' };

let world: World;

eachTestIn((fresh) => {
  world = fresh;
});

const ecr = async (): Promise<Registry> => ({ type: 'ecr', repositories: ['my-worker'] });

async function ecrThroughARole(): Promise<Registry> {
  world.cloud.aws.sts.addRole(ROLE, {});
  return { type: 'ecr', repositories: ['my-worker'], roleArn: ROLE };
}

async function ecrPublic(): Promise<Registry> {
  const { registry } = await world.cloud.otherRegistries.get('ecr-public');
  return { type: 'ecr-public', url: registry.url };
}

async function selfHosted(): Promise<Registry> {
  const { registry, logins } = await world.cloud.otherRegistries.get('self-hosted');
  logins.set(LOGIN.username, LOGIN.password);
  world.putSecret('registry/login', JSON.stringify(LOGIN), LOGIN.password);
  return { type: 'self-hosted', url: registry.url, credentialSecretName: 'registry/login' };
}

describe('writeRefresher', () => {
  it.each([
    ['ecr', ecr],
    ['ecr through a role', ecrThroughARole],
    ['ecr-public', ecrPublic],
    ['a registry with a stored password', selfHosted],
  ])('makes a function that works for %s', async (_, open) => {
    await world.deploy([{ name: 'prod', registry: await open(), verify: 'required' }], {}, writeSettings);

    const { result } = await world.invoke();

    expect(result?.refreshed).toMatchObject([{ target: 'prod', verified: true }]);
  });

  it.each([
    ['ecr', ecr],
    ['ecr through a role', ecrThroughARole],
    ['ecr-public', ecrPublic],
  ])(
    'makes a function that asks for a new deployment when %s was added to its settings by hand',
    async (_, open) => {
      await world.deploy([{ name: 'prod', registry: await open() }], {}, bundledForNothing);

      const { error, logs } = await world.invoke();

      expect(error?.errorMessage).toContain('prod: this function');
      expect(logs).toContainEqual(
        expect.objectContaining({
          reason: 'configuration-wrong',
          why: expect.stringContaining('deploy the stack again'),
        }),
      );
      expect(world.auth('prod')?.password).toBe('old');
    },
  );
});

/** Writes a function that was bundled without any registry, and then these settings. */
function bundledForNothing(directory: string, settings: RefresherSettings): void {
  writeRefresher(directory, [], settings);
}

function writeSettings(directory: string, settings: RefresherSettings): void {
  writeRefresher(directory, settings.targets, settings);
}
