/** Seeds an embedded cloud with what a configuration names, with credentials that have expired. */

import { randomBytes } from 'node:crypto';
import type { Registry, Target } from '../lambda/core/model';
import type { RefresherConfig } from '../lib/config/schema';
import { type EmbeddedCloud, LOCAL_REGION } from './cloud';
import type { RunpodUser } from './runpod/accounts';

const HOUR_MS = 60 * 60_000;

/** Returns a copy of the configuration in which every public address is that of a stand-in. */
export async function embed(config: RefresherConfig, cloud: EmbeddedCloud): Promise<RefresherConfig> {
  const targets = await Promise.all(
    config.targets.map(async ({ registry, ...target }) => {
      if (registry.type === 'ecr') return { ...target, registry };
      const { url } = (await cloud.otherRegistries.get(registry.type)).registry;
      return { ...target, registry: { ...registry, url } };
    }),
  );
  const runpod = { ...config.runpod, ...cloud.runpod.settings(config.runpod.api) };
  // A stack that is not deployed has no region to default to.
  const delegations = config.delegations.map((delegation) => ({ region: LOCAL_REGION, ...delegation }));
  return { ...config, targets, runpod, delegations };
}

/** Runpod users, by the name of the secret that holds their API key. */
export type Accounts = ReadonlyMap<string, RunpodUser>;

/**
 * Adds what the targets name to the cloud: API keys, logins, roles, images, and Runpod users. A registry auth that is
 * named by id exists and holds an expired credential.
 */
export async function seed(cloud: EmbeddedCloud, targets: readonly Target[]): Promise<Accounts> {
  const expired = cloud.aws.ecr.issue(
    'guide',
    LOCAL_REGION,
    new Date(cloud.clock.now().getTime() - 13 * HOUR_MS),
  );
  const accounts = new Map<string, RunpodUser>();
  const logins = new Map<string, StoredLogin>();
  for (const {
    name,
    registry,
    registryAuthId: id,
    runpodApiKeySecretName: keySecret,
    ...target
  } of targets) {
    const user = accounts.get(keySecret) ?? addAccount(cloud, keySecret);
    accounts.set(keySecret, user);
    if (id) user.create({ id, name: `auth-${name}`, username: 'AWS', password: expired.password });
    const [repository, reference] = imageOf({ registry, ...target });
    (await registryOf(cloud, registry)).addImage(repository, reference);
    await seedLogin(cloud, registry, logins);
  }
  return accounts;
}

/** Returns repository and reference of the image that a target's workers pull. */
export function imageOf({
  registry,
  verifyImage,
}: Pick<Target, 'registry' | 'verifyImage'>): [string, string] {
  const listed = registry.type === 'ecr' ? registry.repositories[0] : undefined;
  const [repository = '', reference = 'latest'] = (verifyImage ?? listed ?? 'team/my-worker').split(
    /[@:](.*)/s,
  );
  return [repository, reference];
}

/** Returns the registry that a target's workers pull from. */
export async function registryOf(cloud: EmbeddedCloud, registry: Registry) {
  return registry.type === 'ecr' ? cloud.registry : (await cloud.otherRegistries.get(registry.type)).registry;
}

interface StoredLogin {
  readonly username: string;
  readonly password: string;
}

function addAccount(cloud: EmbeddedCloud, keySecret: string): RunpodUser {
  const apiKey = `rpa_${randomBytes(20).toString('hex').toUpperCase()}`;
  cloud.aws.secrets.put(keySecret, apiKey);
  return cloud.runpod.addUser(apiKey);
}

async function seedLogin(
  cloud: EmbeddedCloud,
  registry: Registry,
  logins: Map<string, StoredLogin>,
): Promise<void> {
  if (registry.type === 'ecr' && registry.roleArn !== undefined) {
    const { roleArn, externalId } = registry;
    cloud.aws.sts.addRole(roleArn, externalId === undefined ? {} : { externalId });
  }
  if (!('credentialSecretName' in registry)) return;
  const { credentialSecretName: secretName, type } = registry;
  const login = logins.get(secretName) ?? createLogin(type);
  if (!logins.has(secretName)) {
    const isKeyFile = type === 'google-artifact-registry';
    cloud.aws.secrets.put(secretName, isKeyFile ? login.password : JSON.stringify(login));
  }
  logins.set(secretName, login);
  (await cloud.otherRegistries.get(type)).logins.set(login.username, login.password);
}

function createLogin(type: Registry['type']): StoredLogin {
  const secret = randomBytes(30).toString('base64url');
  if (type !== 'google-artifact-registry')
    return { username: `robot-${secret.slice(0, 6)}`, password: secret };
  const key = { type: 'service_account', project_id: 'embedded', private_key: secret };
  return { username: '_json_key', password: `${JSON.stringify(key, null, 2)}\n` };
}
