import { Stack, Token } from 'aws-cdk-lib';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { Mistake } from './config/mistakes';
import { differentPlaceMistakes } from './config/regions';
import { primaryAsPeer, standbyName } from './peer';
import type { RunpodEcrRefresherProps, StandbyOptions } from './runpod-ecr-refresher-props';
import type { RunpodTarget } from './runpod-target';
import { differs } from './secrets';

/** Finds what prevents a standby in its stack. */
export function standbyMistakes({ stack: standby }: StandbyOptions, scope: Construct): Mistake[] {
  const primary = Stack.of(scope);
  const path = ['standby', 'stack'];
  if (differs(standby.account, primary.account)) {
    return [
      { path, expected: `a stack of the account ${primary.account}`, found: `one of ${standby.account}` },
    ];
  }
  return differentPlaceMistakes(path, knownRegion(standby), knownRegion(primary));
}

function knownRegion({ region }: Stack): string | undefined {
  return Token.isUnresolved(region) ? undefined : region;
}

/**
 * Returns the properties of the standby. Repositories stay where they are. Secrets are read from their replicas. Only
 * the first refresher watches pulls.
 *
 * @param service - name of the first refresher
 */
export function standbyProps(
  primary: Construct,
  props: RunpodEcrRefresherProps,
  standby: StandbyOptions,
  service: string,
): RunpodEcrRefresherProps {
  const { stack, pageTopics, warningTopics } = standby;
  const replicas = new Replicas(stack, `${primary.node.id}Replicas`);
  const { standby: _, runpodApiKey, targets, ...rest } = props;
  return {
    ...rest,
    serviceName: standbyName(service),
    runpodApiKey: standby.runpodApiKey ?? replicas.of(runpodApiKey),
    targets: targets.map((target) => withReplicas(target, replicas)),
    pageTopics,
    warningTopics,
    pullWatch: { enabled: false },
    _peer: primaryAsPeer(Stack.of(primary), service),
  };
}

function withReplicas({ runpodApiKey, registry, ...target }: RunpodTarget, replicas: Replicas): RunpodTarget {
  return {
    ...target,
    registry: registry._withCredential((credential) => replicas.of(credential)),
    ...(runpodApiKey && { runpodApiKey: replicas.of(runpodApiKey) }),
  };
}

/**
 * The replicas of the first refresher's secrets. A replica has the name of its secret, and the same ARN but for the
 * region (Secrets Manager User Guide, "Replicate secrets across Regions").
 */
class Replicas extends Construct {
  readonly #bySecret = new Map<ISecret, ISecret>();

  of(secret: ISecret): ISecret {
    const replica = this.#bySecret.get(secret) ?? this.#import(secret, `Secret${this.#bySecret.size + 1}`);
    this.#bySecret.set(secret, replica);
    return replica;
  }

  #import({ secretFullArn: arn, secretName }: ISecret, id: string): ISecret {
    const { region } = Stack.of(this);
    return arn === undefined || Token.isUnresolved(arn)
      ? Secret.fromSecretNameV2(this, id, secretName)
      : Secret.fromSecretCompleteArn(this, id, inRegion(arn, region));
  }
}

function inRegion(arn: string, region: string): string {
  const [prefix, partition, service, , ...rest] = arn.split(':');
  return [prefix, partition, service, region, ...rest].join(':');
}
