/** The configuration file's schema. `refresher.schema.json` is generated from it, descriptions included. */

import { z } from 'zod';
import { ECR_TOKEN_LIFE_HOURS } from '../../lambda/core/model';
import { RUNPOD_PRINCIPAL_ARNS } from '../../lambda/delegate-repository/model';
import {
  apiUrl,
  email,
  httpsEndpoint,
  imageReference,
  pageUrl,
  region,
  repositoryName,
  roleArn,
  secretId,
  textLike,
  topicArn,
} from './grammar';
import { registry } from './registries';

const MAX_INTERVAL_HOURS = ECR_TOKEN_LIFE_HOURS / 2;
const INTERVAL = `a whole number of hours from 1 to ${MAX_INTERVAL_HOURS} (half of an ECR credential's ${ECR_TOKEN_LIFE_HOURS} hours)`;

const oneOf = <const Values extends readonly [string, ...string[]]>(values: Values) =>
  z.enum(values, `one of ${values.map((value) => `"${value}"`).join(', ')}`);

/** An alarm has five actions (CloudWatch API reference, PutMetricAlarm), of which one is the stack's own topic. */
const MAX_TOPICS = 4;

const listOf = <Item extends z.ZodType>(item: Item, what: string) =>
  z.array(item, `a list of ${what}`).default([]);

const topicArns = () =>
  z
    .array(topicArn(), 'a list of SNS topic ARNs')
    .max(MAX_TOPICS, `at most ${MAX_TOPICS} SNS topic ARNs`)
    .default([]);

const target = z
  .strictObject(
    {
      name: textLike(/^[A-Za-z0-9_-]{1,64}$/, '1 to 64 letters, digits, _ and -').describe(
        'Name of this target in logs, events and messages. Unique.',
      ),
      registryAuthId: textLike(
        /^[A-Za-z0-9_-]{1,128}$/,
        'the id of a Runpod registry auth, such as clzdaifot0001l90809257ynb',
      )
        .optional()
        .describe('Update this Runpod registry auth in place. Give this or registryAuthName.'),
      registryAuthName: textLike(
        /^\S(.{0,189}\S)?$/,
        'the name of a Runpod registry auth: 1 to 191 characters',
      )
        .optional()
        .describe(
          'Find the Runpod registry auth by this name, and create it where it is missing. Give this or registryAuthId.',
        ),
      runpodApiKeySecretName: secretId()
        .optional()
        .describe(
          'Name or ARN of the secret with the API key of another Runpod account or team. Default: the top-level runpodApiKeySecretName.',
        ),
      registry,
      verify: oneOf(['required', 'best-effort', 'off'])
        .default('best-effort')
        .describe(
          'Whether the registry must accept the credential before it is sent. A registry that rejects it always stops the sending; where the registry cannot be asked, "required" sends nothing and "best-effort" sends. "off" does not ask.',
        ),
      verifyImage: imageReference()
        .optional()
        .describe('Prove as well that this image, repository:tag or repository@digest, can be pulled.'),
    },
    'an object that describes one target',
  )
  .describe('One Runpod registry auth to keep fresh.')
  .meta({ oneOf: [{ required: ['registryAuthId'] }, { required: ['registryAuthName'] }] });

const alarms = z
  .strictObject(
    {
      emails: listOf(email(), 'e-mail addresses').describe(
        'E-mail addresses that are paged. Each must confirm its subscription.',
      ),
      httpsEndpoints: listOf(httpsEndpoint(), 'https: addresses').describe(
        'HTTPS endpoints that are paged (PagerDuty, Opsgenie and the like).',
      ),
      topicArns: topicArns().describe(
        'Existing SNS topics that are paged; at most 4, in the region of the stack.',
      ),
      warningEmails: listOf(email(), 'e-mail addresses').describe('E-mail addresses that receive warnings.'),
      warningTopicArns: topicArns().describe(
        'Existing SNS topics that receive warnings; at most 4, in the region of the stack.',
      ),
      runbookUrl: pageUrl()
        .default('docs/runbook.md')
        .describe(
          'Address of the runbook that alarms link to, to which they add #refreshsilent and so on. By default they name the file in this project.',
        ),
      apiKeyMaxAgeDays: z
        .int('a whole number of days from 1 to 3650')
        .min(1, 'a whole number of days from 1 to 3650')
        .max(3650, 'a whole number of days from 1 to 3650')
        .default(90)
        .describe('Warn when the Runpod API key is older than this many days.'),
    },
    'an object with the alarm settings',
  )
  .prefault({})
  .describe('Who hears of trouble.');

/** The inline policies of the delegating function's role have room for about this many. */
const MAX_DELEGATIONS = 20;

const delegation = z
  .strictObject(
    {
      repository: repositoryName().describe('Name of the ECR repository that Runpod may pull.'),
      region: region().optional().describe("The repository's region. Default: the stack's region."),
      name: textLike(/^\S(.{0,189}\S)?$/, 'a name: 1 to 191 characters')
        .optional()
        .describe('Name of the delegation at Runpod, given when it is registered. Default: none.'),
      runpodApiKeySecretName: secretId()
        .optional()
        .describe(
          'Name or ARN of the secret with the API key of another Runpod account or team. Default: the top-level runpodApiKeySecretName.',
        ),
    },
    'an object that describes one delegation',
  )
  .describe('One ECR repository of the own account that Runpod may pull without a password.');

const runpod = z
  .strictObject(
    {
      api: oneOf(['auto', 'rest-v2', 'rest-v1', 'graphql'])
        .default('auto')
        .describe('Which of Runpod\'s APIs to use. "auto" tries rest-v2, rest-v1 and graphql in this order.'),
      restV2Url: apiUrl()
        .default('https://api.runpod.io/v2')
        .describe("Base address of Runpod's REST API v2."),
      restV1Url: apiUrl()
        .default('https://rest.runpod.io/v1')
        .describe("Base address of Runpod's REST API v1."),
      graphqlUrl: apiUrl()
        .default('https://api.runpod.io/graphql')
        .describe("Address of Runpod's GraphQL API."),
      delegationPrincipalArns: z
        .array(roleArn(), 'a list of role ARNs')
        .min(1, 'at least one role ARN')
        .default([...RUNPOD_PRINCIPAL_ARNS])
        .describe(
          'The roles with which Runpod pulls delegated repositories. They changed in 2026 and may change again.',
        ),
    },
    "an object with Runpod's settings",
  )
  .prefault({})
  .describe("Which of Runpod's APIs to use, and where they are.");

/** The whole file. What a value alone cannot tell (duplicates, one of two keys) is in `rules.ts`. */
export const configSchema = z.strictObject(
  {
    $schema: z
      .string('the address of a JSON schema')
      .optional()
      .describe('Lets an editor complete and check this file.'),
    stackName: textLike(
      /^(?!CDKToolkit$)[A-Za-z][A-Za-z0-9-]{0,127}$/,
      'a CloudFormation stack name: a letter, then up to 127 letters, digits and -',
    )
      .default('EcrCredentialRefresher')
      .describe('Name of the CloudFormation stack, and the `service` of its logs and metrics.'),
    runpodApiKeySecretName: secretId()
      .default('runpod/api-key')
      .describe(
        'Secrets Manager name or ARN of the Runpod API key: the default for every target. The secret holds the key itself, or a JSON object with the field apiKey.',
      ),
    refreshIntervalHours: z
      .int(INTERVAL)
      .min(1, INTERVAL)
      .max(MAX_INTERVAL_HOURS, INTERVAL)
      .default(6)
      .describe("Hours between refreshes; at most half of a credential's life."),
    firstRefresh: oneOf(['require', 'attempt', 'off'])
      .default('require')
      .describe(
        'Refresh as part of the deployment: "require" fails the deployment when the refresh fails, "attempt" goes on, "off" waits for the schedule.',
      ),
    targets: z
      .array(target, 'a list of targets')
      .min(1, 'at least one target')
      .describe('The Runpod registry auths to keep fresh.'),
    delegations: z
      .array(delegation, 'a list of delegations')
      .max(MAX_DELEGATIONS, `at most ${MAX_DELEGATIONS} delegations`)
      .default([])
      .describe(
        'ECR repositories that Runpod may pull by their policy, without any password. Pods only, so far.',
      ),
    alarms,
    runpod,
  },
  'a JSON object',
);

/** The configuration with every default filled in. */
export type RefresherConfig = z.output<typeof configSchema>;

/** Who hears of trouble, with every default filled in. */
export type AlarmsConfig = RefresherConfig['alarms'];
