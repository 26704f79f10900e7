import { ECRPUBLICClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr-public';
import { AWS_CLIENT_DEFAULTS, callAws } from '../aws';
import type { Clock } from '../clock';
import { Memo } from '../memo';
import type { EcrPublicRegistry } from '../model';
import { decodeAuthorizationToken } from './ecr-token';
import type { RegistryKind } from './registry-kind';

/** The only region that issues tokens, whatever region the function runs in (Amazon ECR Public API reference). */
const REGION = 'us-east-1';

const ACTION = 'ecr-public:GetAuthorizationToken';

/** Amazon ECR Public. One token for everything; unlike ECR's answer, the answer does not name the registry. */
export function createEcrPublic(clock: Clock): RegistryKind<EcrPublicRegistry> {
  const clients = new Memo<string, ECRPUBLICClient>();

  return {
    shareKey: ({ type, url }) => JSON.stringify([type, url]),
    async issue({ url }, deadlineMs) {
      const client = clients.get(
        REGION,
        () => new ECRPUBLICClient({ ...AWS_CLIENT_DEFAULTS, region: REGION }),
      );
      const call = { name: ACTION, deadlineMs, reason: 'configuration-wrong' } as const;
      const answer = await callAws(call, clock, () => client.send(new GetAuthorizationTokenCommand({})));
      return decodeAuthorizationToken(
        { ...answer.authorizationData, proxyEndpoint: url },
        clock.now(),
        ACTION,
      );
    },
  };
}
