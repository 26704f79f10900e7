import { type Credential, type Registry, type RouteName, Secret } from '../../lambda/core/model';
import type { Proof } from '../../lambda/core/registries/proof';
import { RunpodAccount } from '../../lambda/core/runpod/account';
import type { RunpodRoute } from '../../lambda/core/runpod/api';
import type { ReadOptions } from '../../lambda/core/secrets';
import type { RefreshServices } from '../../lambda/refresh-credentials/refresh';
import { aCredential } from './builders';
import { FakeClock } from './fake-clock';
import { aRoute } from './fake-route';

/** Where a world differs from one in which everything works at once. */
export interface WorldDifferences {
  readonly readApiKey?: (secretName: string) => Promise<Secret>;
  /** When every key was stored. @default - unknown */
  readonly keyCreatedAt?: Date;
  readonly issue?: (registry: Registry) => Promise<Credential>;
  readonly prove?: (image: string | undefined) => Promise<Proof>;
  /** The routes of every account, in the order of the settings. @default - a rest-v2 that does everything */
  readonly routes?: Partial<Record<RouteName, Partial<Omit<RunpodRoute, 'name'>>>>;
}

/** The services of the use case over fakes. */
export interface FakeWorld {
  readonly services: RefreshServices;
  readonly clock: FakeClock;
  /** Whatever was asked of the world: "read runpod/api-key", "issue us-east-1", "rest-v2 update auth-prod" … */
  readonly calls: string[];
  /** The options of each read of a secret. */
  readonly reads: readonly ReadOptions[];
  /** The calls that begin with this text. */
  callsTo(beginning: string): string[];
}

/** Makes a world in which everything works, except for what the test gives. */
export function aWorld(differences: WorldDifferences = {}): FakeWorld {
  const { readApiKey, keyCreatedAt, issue, prove, routes = { 'rest-v2': {} } } = differences;
  const clock = new FakeClock();
  const calls: string[] = [];
  const reads: ReadOptions[] = [];
  const names: RouteName[] = ['rest-v2', 'rest-v1', 'graphql'];
  const wired = names.flatMap((name) => (routes[name] ? [aRoute(name, calls, routes[name])] : []));
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
    createAccount: () => new RunpodAccount(wired, clock),
  };
  return {
    services,
    clock,
    calls,
    reads,
    callsTo: (beginning) => calls.filter((call) => call.startsWith(beginning)),
  };
}

/** A name for a registry in the list of calls: ECR's region, or the kind of another. */
function placeOf(registry: Registry): string | undefined {
  return 'region' in registry ? registry.region : registry.type;
}
