import { OperatorMustActError } from '../errors';

/**
 * Stands in a bundle for the packages that its settings have no use for (`lib/refresher-code.ts`). Settings and bundle
 * are made together, so only settings that somebody changed by hand come here.
 */
function leftOut(): never {
  throw new OperatorMustActError(
    'configuration-wrong',
    "this function's code was made for other settings than it has; deploy the stack again",
  );
}

export {
  leftOut as ECRClient,
  leftOut as ECRPUBLICClient,
  leftOut as fromTemporaryCredentials,
  leftOut as GetAuthorizationTokenCommand,
};
