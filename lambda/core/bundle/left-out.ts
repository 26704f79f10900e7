import { OperatorMustActError } from '../errors';

/**
 * Replaces the packages that the settings of a bundle do not need (`scripts/build-functions.ts`). Settings and bundle are
 * made together, so this code runs only after somebody changed the settings by hand.
 */
function leftOut(): never {
  throw new OperatorMustActError(
    'configuration-wrong',
    "this function's code was bundled for other settings; deploy the stack again",
  );
}

/** The client of CloudWatch Logs calls it when it is made. No operation here has an event stream. */
export const resolveEventStreamSerdeConfig = <Config>(config: Config): Config => config;

export {
  leftOut as eventStreamSerdeProvider,
  leftOut as ECRClient,
  leftOut as ECRPUBLICClient,
  leftOut as fromTemporaryCredentials,
  leftOut as GetAuthorizationTokenCommand,
};
