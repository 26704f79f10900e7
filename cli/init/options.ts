/** The flags of `init`: one for each question. The command's code is loaded later, so it is not imported here. */

import type { Command } from 'commander';

/** The flags of `init` that were given. */
export interface InitFlags {
  readonly keyStdin?: boolean;
  readonly secret?: string;
  readonly replaceKey?: boolean;
  readonly storeKey?: boolean;
  readonly targetName?: string;
  /** Kind of registry. @default - ECR, or the person is asked */
  readonly registry?: string;
  readonly repository?: readonly string[];
  readonly credentialSecret?: string;
  readonly location?: string;
  readonly registryUrl?: string;
  /** The image to prove; false for none. @default - the person is asked */
  readonly image?: string | false;
  readonly authId?: string;
  readonly authName?: string;
  readonly overwriteAuth?: boolean;
  readonly email?: readonly string[];
  readonly runbookUrl?: string;
  /** Region of a second refresher. @default - there is none */
  readonly standby?: string;
  readonly yes?: boolean;
  /** Write a CDK app too. @default - the person is asked */
  readonly app?: boolean;
  /** Run `npm install` for the app. @default - the person is asked */
  readonly install?: boolean;
  /** Bootstrap, deploy and run doctor at the end. @default - the person is asked */
  readonly deploy?: boolean;
  readonly force?: boolean;
  readonly restV2Url?: string;
  readonly restV1Url?: string;
  readonly graphqlUrl?: string;
}

/** Adds the flags of `init`. The key has no flag, because the process list shows arguments. */
export function addInitOptions(command: Command): Command {
  const collect = (value: string, previous: readonly string[] = []) => [...previous, value];
  return command
    .option('--key-stdin', 'read the Runpod key from standard input')
    .option('--secret <name>', 'secret that holds the key (default: runpod/api-key)')
    .option('--replace-key', 'overwrite a key that is stored already')
    .option('--store-key', 'store the key and do nothing else')
    .option('--target-name <name>', 'name of the target (default: prod)')
    .option('--repository <name>', 'ECR repository that may be pulled (repeat it for more)', collect)
    .option(
      '--registry <kind>',
      'ecr (default), docker-hub, ghcr, google-artifact-registry, ecr-public, self-hosted',
    )
    .option('--credential-secret <name>', 'AWS secret that holds the login of another registry than ECR')
    .option('--location <place>', 'location of Google Artifact Registry, such as us-central1')
    .option('--registry-url <url>', 'address of a self-hosted registry, or of a proxy')
    .option('--image <repository:tag>', 'prove before each write that this image can be pulled')
    .option('--no-image', 'prove no image, and do not ask')
    .option('--auth-id <id>', 'id of the Runpod registry auth to keep fresh')
    .option('--auth-name <name>', 'or its name; it is created if it does not exist')
    .option('--overwrite-auth', 'overwrite it although workloads use it with images of other registries')
    .option('--email <address>', 'address that is paged (repeat it for more)', collect)
    .option('--runbook-url <url>', 'runbook to which the alarms link, if it is a page of your own')
    .option('--standby <region>', 'a second refresher in another region, which survives the loss of one')
    .option('--app', 'write a minimal CDK app around the configuration too')
    .option('--no-app', 'write no CDK app, and do not ask')
    .option('--install', 'run npm install for the app')
    .option('--no-install', 'do not run npm install, and do not ask')
    .option('--deploy', 'run cdk bootstrap where it is needed, cdk deploy and doctor at the end')
    .option('--no-deploy', 'run none of them, and do not ask')
    .option('-y, --yes', 'write the configuration without showing it first')
    .option('--force', 'overwrite the configuration file, and files of the app')
    .option('--rest-v2-url <url>', "address of Runpod's REST API v2, if not Runpod's own")
    .option('--rest-v1-url <url>', "address of Runpod's REST API v1, if not Runpod's own")
    .option('--graphql-url <url>', "address of Runpod's GraphQL API, if not Runpod's own");
}
