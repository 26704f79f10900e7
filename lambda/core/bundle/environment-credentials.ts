import { fromEnv } from '@aws-sdk/credential-provider-env';

/**
 * Replaces the SDK's default chain of credential providers in the bundle (`scripts/build-functions.ts`).
 *
 * Lambda gives a function its credentials in environment variables. The rest of the chain (profiles, SSO, browser
 * login, processes, EC2 and ECS metadata) would be a fifth of the bundle, and every cold start would parse it.
 */
export const defaultProvider: typeof fromEnv = (init) => fromEnv(init);
