/** Makes an embedded cloud in which a configuration can run: what it names is there, and has lapsed. */

import { randomBytes } from 'node:crypto';
import type { Registry, Target } from '../lambda/core/model';
import type { RefresherConfig } from '../lib/config/schema';
import { type EmbeddedCloud, LOCAL_REGION } from './cloud';
import type { RunpodUser } from './runpod/accounts';

const HOUR_MS = 60 * 60_000;

/** The configuration with every public address replaced by that of its stand-in. The file itself stays as it is. */
export async function embed(config: RefresherConfig, cloud: EmbeddedCloud): Promise<RefresherConfig> {
  const targets = await Promise.all(
    config.targets.map(async ({ registry, ...target }) => {
      if (registry.type === 'ecr') return { ...target, registry };
      const { url } = (await cloud.otherRegistries.get(registry.type)).registry;
      return { ...target, registry: { ...registry, url } };
    }),
  );
  const runpod = { ...config.runpod, ...cloud.runpod.settings(config.runpod.api) };
  // Where a stack goes that goes nowhere.
  const delegations = config.delegations.map((delegation) => ({ region: LOCAL_REGION, ...delegation }));
  return { ...config, targets, runpod, delegations };
}

/** The Runpod accounts of a furnished cloud, by the secret with their API key. */
export type Accounts = ReadonlyMap<string, RunpodUser>;

/**
 * Puts in place what the targets name: Runpod accounts with the registry auths that are updated by id, holding
 * credentials that work no more; keys, logins, roles, and images.
 */
export async function furnish(cloud: EmbeddedCloud, targets: readonly Target[]): Promise<Accounts> {
  const stale = cloud.aws.ecr.issue(
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
    if (id) user.create({ id, name: `auth-${name}`, username: 'AWS', password: stale.password });
    const [repository, reference] = imageOf({ registry, ...target });
    (await registryOf(cloud, registry)).addImage(repository, reference);
    await furnishLogin(cloud, registry, logins);
  }
  return accounts;
}

/** The image that a target's workers pull. */
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

/** The registry that a target's workers pull from. */
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

async function furnishLogin(
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
  const login = logins.get(secretName) ?? aLogin(type);
  if (!logins.has(secretName)) {
    const isKeyFile = type === 'google-artifact-registry';
    cloud.aws.secrets.put(secretName, isKeyFile ? login.password : JSON.stringify(login));
  }
  logins.set(secretName, login);
  (await cloud.otherRegistries.get(type)).logins.set(login.username, login.password);
}

function aLogin(type: Registry['type']): StoredLogin {
  const secret = randomBytes(30).toString('base64url');
  if (type !== 'google-artifact-registry')
    return { username: `robot-${secret.slice(0, 6)}`, password: secret };
  const key = { type: 'service_account', project_id: 'embedded', private_key: secret };
  return { username: '_json_key', password: `${JSON.stringify(key, null, 2)}\n` };
}
