import { ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';
import { fromTemporaryCredentials } from '@aws-sdk/credential-providers';
import { AWS_CLIENT_DEFAULTS, callAws } from '../aws';
import type { Clock } from '../clock';
import { Memo } from '../memo';
import type { EcrRegistry } from '../model';
import { decodeAuthorizationToken } from './ecr-token';
import type { RegistryKind } from './registry-kind';

/** Appears in the other account's CloudTrail, so that its owner can tell who asked. */
const ROLE_SESSION_NAME = 'runpod-ecr-refresher';

/**
 * Amazon ECR. One token serves a whole region for one principal, whatever the repositories, so targets share
 * a credential when role and region are the same.
 */
export function createEcr(clock: Clock): RegistryKind<EcrRegistry> {
  const clients = new Memo<string, ECRClient>();

  return {
    shareKey,
    async issue(registry, deadlineMs) {
      const client = clients.get(shareKey(registry), () => createClient(registry));
      const name = `ecr:GetAuthorizationToken${registry.roleArn ? ` as ${registry.roleArn}` : ''}`;
      const answer = await callAws({ name, deadlineMs, reason: 'configuration-wrong' }, clock, () =>
        client.send(new GetAuthorizationTokenCommand({})),
      );
      return { ...decodeAuthorizationToken(answer.authorizationData?.[0], clock.now()), basicAtOnce: true };
    },
  };
}

function shareKey({ region, roleArn, externalId }: EcrRegistry): string {
  return JSON.stringify(['ecr', region, roleArn, externalId]);
}

function createClient({ region, roleArn, externalId }: EcrRegistry): ECRClient {
  return new ECRClient({
    ...AWS_CLIENT_DEFAULTS,
    ...(region && { region }),
    ...(roleArn && {
      credentials: fromTemporaryCredentials({
        params: { RoleArn: roleArn, ExternalId: externalId, RoleSessionName: ROLE_SESSION_NAME },
        // The regional STS endpoint of the function's own region is there in every partition.
        clientConfig: { ...AWS_CLIENT_DEFAULTS, region: process.env.AWS_REGION },
      }),
    }),
  });
}
