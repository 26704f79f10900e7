import { AWS_CLIENT_DEFAULTS } from '../lambda/core/aws';

/** The class of an AWS client. */
export type AwsClientType<Client> = new (
  options: typeof AWS_CLIENT_DEFAULTS & { readonly region?: string },
) => Client;

/**
 * The AWS clients of one run. The class of a client is an argument, so that a command loads the clients that it uses
 * and no others.
 *
 * @example
 * clients.get(CloudFormationClient).send(new DescribeStacksCommand({ StackName }));
 */
export class AwsClients {
  readonly #byRegion = new Map<string, Map<unknown, unknown>>();

  /** Returns a client, which is made once for each region. @param region - @default - the stack's region */
  get<Client>(type: AwsClientType<Client>, region?: string): Client {
    const ofRegion = this.#byRegion.get(region ?? '') ?? new Map<unknown, unknown>();
    this.#byRegion.set(region ?? '', ofRegion);
    const client = ofRegion.get(type) ?? new type({ ...AWS_CLIENT_DEFAULTS, ...(region && { region }) });
    ofRegion.set(type, client);
    return client as Client;
  }
}
