import { type Credential, type Registry, type RouteName, Secret } from '../../lambda/core/model';
import type { Proof } from '../../lambda/core/registries/proof';
import { RunpodAccount } from '../../lambda/core/runpod/account';
import type { ReadOptions } from '../../lambda/core/secrets';
import type { RefreshServices } from '../../lambda/refresh-credentials/refresh';
import { aCredential } from './builders';
import { FakeClock } from './fake-clock';
import { type RouteBehaviour, someRoutes } from './fake-route';

/** How a world differs from one in which everything succeeds at once. */
export interface WorldDifferences {
  readonly readApiKey?: (secretName: string) => Promise<Secret>;
  /** When every key was stored. @default - unknown */
  readonly keyCreatedAt?: Date;
  readonly issue?: (registry: Registry) => Promise<Credential>;
  readonly prove?: (image: string | undefined) => Promise<Proof>;
  /** The routes of every account. @default - a rest-v2 that succeeds at everything */
  readonly routes?: Partial<Record<RouteName, RouteBehaviour>>;
}

/** Fakes of the services that the use case needs. */
export interface FakeWorld {
  readonly services: RefreshServices;
  readonly clock: FakeClock;
  /** Every call to a fake, such as "read runpod/api-key", "issue us-east-1" or "rest-v2 update auth-prod". */
  readonly calls: string[];
  /** The options of each read of a secret. */
  readonly reads: readonly ReadOptions[];
  /** The calls that begin with this text. */
  callsTo(beginning: string): string[];
}

/** Makes a world in which everything succeeds, except where the test gives a behaviour. */
export function aWorld(differences: WorldDifferences = {}): FakeWorld {
  const { readApiKey, keyCreatedAt, issue, prove, routes = { 'rest-v2': {} } } = differences;
  const clock = new FakeClock();
  const calls: string[] = [];
  const reads: ReadOptions[] = [];
  const services: RefreshServices = {
    clock,
    createSecretReader: () => async (secretName, options) => {
      calls.push(`read ${secretName}`);
      reads.push(options);
      const key = (await readApiKey?.(secretName)) ?? new Secret('key-1');
      return { value: key.reveal(), createdAt: keyCreatedAt };
    },
    async issueCredential(registry) {
      calls.push(`issue ${placeOf(registry)}`);
      return issue?.(registry) ?? aCredential();
    },
    async prove(_, image) {
      calls.push(`prove ${image ?? 'login'}`);
      return prove?.(image) ?? { accepted: true };
    },
    createAccount: () => new RunpodAccount(someRoutes(routes, calls), clock),
  };
  return {
    services,
    clock,
    calls,
    reads,
    callsTo: (beginning) => calls.filter((call) => call.startsWith(beginning)),
  };
}

/** How the list of calls names a registry: by its region if it is ECR, by its type otherwise. */
function placeOf(registry: Registry): string | undefined {
  return 'region' in registry ? registry.region : registry.type;
}
