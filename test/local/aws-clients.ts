import { ECRClient } from '@aws-sdk/client-ecr';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { fromTemporaryCredentials } from '@aws-sdk/credential-providers';
import type { AwsStandIn } from '../../local/aws/aws';

/** The role of another account that tests assume. */
export const ROLE = 'arn:aws:iam::210987654321:role/pull';

const OWN = { accessKeyId: 'AKIAOWN', secretAccessKey: 'secret' };

// Keeps the SDK's warning about Node 20 out of the tests' output.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';

/** Clients of the real AWS SDK for a stand-in. They do not retry by default. */
export class AwsClients {
  readonly #aws: AwsStandIn;
  readonly #open: { destroy(): void }[] = [];

  constructor(aws: AwsStandIn) {
    this.#aws = aws;
  }

  /** Returns an ECR client. @param differences - options that replace the defaults */
  ecr(differences: object = {}): ECRClient {
    return this.#kept(new ECRClient({ ...this.#base(), ...differences }));
  }

  /** Returns a Secrets Manager client. */
  secrets(): SecretsManagerClient {
    return this.#kept(new SecretsManagerClient(this.#base()));
  }

  /** Returns credentials of an assumed role. @param params - more parameters of `AssumeRole` */
  assumed(params: object = {}): ReturnType<typeof fromTemporaryCredentials> {
    return fromTemporaryCredentials({
      params: { RoleArn: ROLE, RoleSessionName: 'test', ...params },
      clientConfig: this.#base(),
      masterCredentials: OWN,
    });
  }

  /** Closes the connections of all clients. */
  close(): void {
    for (const client of this.#open) client.destroy();
  }

  #base() {
    return { endpoint: this.#aws.url, region: 'us-east-1', credentials: OWN, maxAttempts: 1 };
  }

  #kept<Client extends { destroy(): void }>(client: Client): Client {
    this.#open.push(client);
    return client;
  }
}
