import { CfnResource, Fn, Stack, Token } from 'aws-cdk-lib';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { Mistake } from './config/mistakes';
import { differentPlaceMistakes } from './config/regions';
import { primaryAsPeer, standbyName } from './peer';
import type { RunpodEcrRefresherProps, StandbyOptions } from './runpod-ecr-refresher-props';
import type { RunpodTarget } from './runpod-target';
import { differs } from './secrets';

/** Finds why a standby cannot be created in the given stack. */
export function standbyMistakes({ stack: standby }: StandbyOptions, scope: Construct): Mistake[] {
  const primary = Stack.of(scope);
  const path = ['standby', 'stack'];
  if (differs(standby.account, primary.account)) {
    return [
      { path, expected: `a stack of the account ${primary.account}`, found: `one of ${standby.account}` },
    ];
  }
  if (standby.nestedStackParent) {
    // The first stack would need this name from the standby's region, so it could not be deployed without that region.
    const expected =
      'a stack that is not nested, because the first refresher names it and must not depend on it';
    return [{ path, expected, found: `the nested stack ${standby.node.path}` }];
  }
  const id = standbyId(scope);
  if (standby.node.tryFindChild(id)) {
    const expected = `a stack without a construct "${id}", because the standby gets the id of its first refresher`;
    return [{ path, expected, found: `${standby.node.path}/${id}` }];
  }
  return differentPlaceMistakes(path, knownRegion(standby), knownRegion(primary));
}

/** Returns the id of the standby: the path of the first refresher below its stack, which is unique there. */
export function standbyId(primary: Construct): string {
  const above = Stack.of(primary).node.scopes.length;
  return primary.node.scopes
    .slice(above)
    .map(({ node }) => node.id)
    .join('-');
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
  const { standby: _, runpodApiKey, targets, ...rest } = props;
  const replicas = new Replicas(stack, `${standbyId(primary)}Replicas`);
  if (standby.runpodApiKey) replicas.give(runpodApiKey, standby.runpodApiKey);
  return {
    ...rest,
    serviceName: standbyName(service),
    runpodApiKey: replicas.of(runpodApiKey),
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
 * The replicas of the first refresher's secrets. A replica has the name of its secret, and the same ARN except for the
 * region (Secrets Manager User Guide, "Replicate secrets across Regions").
 */
class Replicas extends Construct {
  readonly #bySecret = new Map<ISecret, ISecret>();

  /** Names the replica of a secret. Targets that share the secret read the same replica. */
  give(secret: ISecret, replica: ISecret): void {
    this.#bySecret.set(secret, replica);
  }

  of(secret: ISecret): ISecret {
    const replica = this.#bySecret.get(secret) ?? this.#import(secret, `Secret${this.#bySecret.size + 1}`);
    this.give(secret, replica);
    return replica;
  }

  /**
   * A secret that the app creates is imported by its name, because a name that is a text needs no reference between
   * regions. The CDK cannot take the name from a whole ARN that is a token, because six characters are appended to it.
   */
  #import(secret: ISecret, id: string): ISecret {
    const { secretFullArn: arn, secretName, node } = secret;
    return arn === undefined || CfnResource.isCfnResource(node.defaultChild)
      ? Secret.fromSecretNameV2(this, id, secretName)
      : Secret.fromSecretCompleteArn(this, id, inRegion(arn, Stack.of(this).region));
  }
}

/** Number of an ARN's parts, of which the last one is `secret` and the name. */
const SECRET_ARN_PARTS = 7;

function inRegion(arn: string, region: string): string {
  const written = arn.split(':');
  const parts =
    written.length >= SECRET_ARN_PARTS
      ? written
      : Array.from({ length: SECRET_ARN_PARTS }, (_, index) => Fn.select(index, Fn.split(':', arn)));
  const [prefix = '', partition = '', service = '', , ...rest] = parts;
  return [prefix, partition, service, region, ...rest].join(':');
}
