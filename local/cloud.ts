import { AwsStandIn } from './aws/aws';
import { OtherRegistries } from './other-registries';
import { RegistryStandIn } from './registry';
import { RunpodStandIn } from './runpod/runpod';
import { StandInClock } from './stand-in-clock';
import { pullAtRunpod } from './worker';

/** The region in which the embedded function runs. */
export const LOCAL_REGION = 'us-east-1';

/**
 * The roles with which Runpod pulls from a delegated repository (docs.runpod.io, "Use private AWS ECR images").
 *
 * They are not imported from the code under test, so that a wrong role there fails the tests.
 */
const RUNPOD_PULL_ROLES = [
  'arn:aws:iam::550005742258:role/prod-us-east-1-deployment-role',
  'arn:aws:iam::550005742258:role/prod-us-west-2-deployment-role',
];

/** Loopback stand-ins for AWS, Runpod and registries, connected to each other. */
export interface EmbeddedCloud {
  readonly clock: StandInClock;
  readonly aws: AwsStandIn;
  /** ECR's registry: accepts only what the ECR stand-in has issued. */
  readonly registry: RegistryStandIn;
  /** The registries of the other kinds. */
  readonly otherRegistries: OtherRegistries;
  readonly runpod: RunpodStandIn;
  /** Returns the environment variables with which the function uses this cloud. */
  environment(): Record<string, string>;
  /** Closes every server. */
  close(): Promise<void>;
}

/** Options of an embedded cloud. */
export interface EmbeddedCloudOptions {
  /** @default - follows the machine's clock */
  readonly clock?: StandInClock;
  /**
   * The host name of ECR's registry in the names of images. Processes of this cloud reach it with `registry-host.mjs`.
   *
   * @default - its address on the loopback interface
   */
  readonly registryHost?: string;
}

/** Starts an embedded cloud. It keeps its state in memory and listens on the loopback interface only. */
export async function startEmbeddedCloud({
  clock = new StandInClock(),
  registryHost,
}: EmbeddedCloudOptions = {}): Promise<EmbeddedCloud> {
  const registry = new RegistryStandIn((username, password) => aws.ecr.accepts(username, password));
  const aws: AwsStandIn = new AwsStandIn(clock, () =>
    registryHost === undefined ? registry.url : `https://${registryHost}`,
  );
  const otherRegistries = new OtherRegistries((username, password) =>
    aws.ecrPublic.accepts(username, password),
  );
  const runpod = new RunpodStandIn(clock);
  runpod.delegationRules.canPull = (arn) =>
    RUNPOD_PULL_ROLES.every((role) => aws.policies.mayPull(arn, role));
  runpod.rollouts.pull = async (image, registryAuthId, user) => {
    const auth = registryAuthId === null ? undefined : user.find(registryAuthId);
    return pullAtRunpod(registry.url, image, auth);
  };
  const servers = [aws, registry, runpod];
  await Promise.all(servers.map((server) => server.listen()));
  return {
    clock,
    aws,
    registry,
    otherRegistries,
    runpod,
    environment: () => ({
      AWS_REGION: LOCAL_REGION,
      AWS_ACCESS_KEY_ID: 'AKIAEMBEDDEDCLOUD',
      AWS_SECRET_ACCESS_KEY: 'embedded-cloud',
      AWS_ENDPOINT_URL: aws.url,
      ...(registryHost && { EMBEDDED_REGISTRY: `${registryHost} ${registry.url}` }),
    }),
    close: async () => {
      await Promise.all([...servers, otherRegistries].map((server) => server.close()));
    },
  };
}
