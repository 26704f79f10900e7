import * as z from 'zod';
import { ECR_TOKEN_LIFE_HOURS } from '../../lambda/core/model';
import { RUNPOD_PRINCIPAL_ARNS } from '../../lambda/delegate-repository/model';
import {
  apiUrl,
  delegationName,
  email,
  httpsEndpoint,
  imageReference,
  pageUrl,
  region,
  registryAuthName,
  repositoryName,
  roleArn,
  secretId,
  targetName,
  textMatching,
  topicArn,
} from './formats';
import { registry } from './registries';

const MAX_INTERVAL_HOURS = ECR_TOKEN_LIFE_HOURS / 2;
const INTERVAL = `a whole number of hours from 1 to ${MAX_INTERVAL_HOURS} (half of an ECR credential's ${ECR_TOKEN_LIFE_HOURS} hours)`;

const oneOf = <const Values extends readonly [string, ...string[]]>(values: Values) =>
  z.enum(values, `one of ${values.map((value) => `"${value}"`).join(', ')}`);

/** An alarm can have five actions (CloudWatch API reference, PutMetricAlarm). One is the stack's own topic. */
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
      name: targetName().describe('Unique name of this target in logs, events and messages.'),
      registryAuthId: textMatching(
        /^[A-Za-z0-9_-]{1,128}$/,
        'the id of a Runpod registry auth, such as clzdaifot0001l90809257ynb',
      )
        .optional()
        .describe('Id of the Runpod registry auth to update in place. Give either this or registryAuthName.'),
      registryAuthName: registryAuthName()
        .optional()
        .describe(
          'Name of the Runpod registry auth to update, which is created when it does not exist. Give either this or registryAuthId.',
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
          'Whether the registry must accept the credential before it is sent to Runpod. With "required" and "best-effort", a rejected credential is not sent. When the registry cannot be reached, "best-effort" sends the credential and "required" does not. "off" does not ask the registry.',
        ),
      verifyImage: imageReference()
        .optional()
        .describe(
          'An image that the credential must be able to pull, as repository:tag or repository@digest. "verify" decides how strict the check is.',
        ),
    },
    'an object that describes one target',
  )
  .describe('One Runpod registry auth to keep fresh.')
  .meta({ oneOf: [{ required: ['registryAuthId'] }, { required: ['registryAuthName'] }] });

const alarms = z
  .strictObject(
    {
      emails: listOf(email(), 'e-mail addresses').describe(
        'E-mail addresses that receive pages. Each must confirm its subscription.',
      ),
      httpsEndpoints: listOf(httpsEndpoint(), 'https: addresses').describe(
        'HTTPS endpoints that receive pages, such as those of PagerDuty or Opsgenie.',
      ),
      topicArns: topicArns().describe(
        'ARNs of existing SNS topics that receive pages. At most 4, in the region of the stack.',
      ),
      warningEmails: listOf(email(), 'e-mail addresses').describe(
        'E-mail addresses that receive warnings. Default without any recipient of warnings: those in emails.',
      ),
      warningTopicArns: topicArns().describe(
        'ARNs of existing SNS topics that receive warnings. At most 4, in the region of the stack.',
      ),
      runbookUrl: pageUrl()
        .optional()
        .describe(
          'Address of the runbook that alarms link to. Each alarm adds its heading, such as #refreshsilent. Default: the dashboard of the stack, which has the runbook of this project.',
        ),
      apiKeyMaxAgeDays: z
        .int('a whole number of days from 1 to 3650')
        .min(1, 'a whole number of days from 1 to 3650')
        .max(3650, 'a whole number of days from 1 to 3650')
        .default(90)
        .describe('A warning is sent when a Runpod API key is older than this many days.'),
    },
    'an object with the alarm settings',
  )
  .prefault({})
  .describe('The recipients of alarms, and other settings of the alarms.');

const LOOK_INTERVAL = 'a whole number of minutes from 15 to 360';

const pullWatch = z
  .strictObject(
    {
      mode: oneOf(['auto', 'off'])
        .default('auto')
        .describe(
          '"auto" looks on a schedule whether workers can pull. "off" leaves the watch out of the stack.',
        ),
      intervalMinutes: z
        .int(LOOK_INTERVAL)
        .min(15, LOOK_INTERVAL)
        .max(360, LOOK_INTERVAL)
        .default(60)
        .describe('Minutes from one look to the next.'),
      ignore: z
        .array(
          textMatching(/^[A-Za-z0-9_-]{1,128}$/, 'the id of an endpoint or a pod, such as ep_abc123'),
          'a list of ids',
        )
        .default([])
        .describe('Ids of endpoints and pods that are not looked at.'),
    },
    'an object with the settings of the watch',
  )
  .prefault({})
  .describe('The function that looks whether workers can pull their images.');

const standby = z
  .strictObject(
    {
      region: region().describe('Region of the second refresher.'),
      topicArns: topicArns().describe(
        "ARNs of existing SNS topics in the standby's region that receive pages. At most 4.",
      ),
      warningTopicArns: topicArns().describe(
        "ARNs of existing SNS topics in the standby's region that receive warnings. At most 4.",
      ),
    },
    'an object with the region of the standby',
  )
  .describe('A second refresher in another region for the same targets. Default: there is none.');

/** About as many as the inline policies of the delegation function's role can hold. */
const MAX_DELEGATIONS = 20;

const delegation = z
  .strictObject(
    {
      repository: repositoryName().describe('Name of the ECR repository that Runpod may pull.'),
      region: region().optional().describe("The repository's region. Default: the stack's region."),
      name: delegationName()
        .optional()
        .describe('Name that the delegation gets at Runpod when it is registered. Default: no name.'),
      runpodApiKeySecretName: secretId()
        .optional()
        .describe(
          'Name or ARN of the secret with the API key of another Runpod account or team. Default: the top-level runpodApiKeySecretName.',
        ),
    },
    'an object that describes one delegation',
  )
  .describe("One ECR repository in the stack's account that Runpod may pull without a password.");

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
          'ARNs of the roles with which Runpod pulls delegated repositories. They changed in 2026 and may change again.',
        ),
    },
    "an object with Runpod's settings",
  )
  .prefault({})
  .describe("Which of Runpod's APIs to use, and where they are.");

/** The schema of the configuration file. `rules.ts` checks what it cannot express, such as duplicates. */
export const configSchema = z
  .strictObject(
    {
      $schema: z
        .string('the address of a JSON schema')
        .optional()
        .describe('Address of the JSON schema with which an editor completes and checks this file.'),
      stackName: textMatching(
        /^(?!CDKToolkit$)[A-Za-z][A-Za-z0-9-]{0,127}$/,
        'a CloudFormation stack name: a letter, then up to 127 letters, digits and -',
      )
        .default('EcrCredentialRefresher')
        .describe('Name of the CloudFormation stack, and the `service` of its logs and metrics.'),
      runpodApiKeySecretName: secretId()
        .default('runpod/api-key')
        .describe(
          'Secrets Manager name or ARN of the Runpod API key. This is the default for every target and delegation. The secret holds the key itself, or a JSON object with the field apiKey.',
        ),
      refreshIntervalHours: z
        .int(INTERVAL)
        .min(1, INTERVAL)
        .max(MAX_INTERVAL_HOURS, INTERVAL)
        .default(6)
        .describe("Hours from one refresh to the next; at most half of a credential's lifetime."),
      firstRefresh: oneOf(['require', 'attempt', 'off'])
        .default('require')
        .describe(
          'Whether the deployment refreshes. With "require" the deployment fails when the refresh fails. With "attempt" the deployment goes on and the refresh is retried. With "off" the first refresh is the first scheduled run.',
        ),
      targets: z
        .array(target, 'a list of targets')
        .default([])
        .describe('The Runpod registry auths to keep fresh; at least one, unless there are delegations.'),
      delegations: z
        .array(delegation, 'a list of delegations')
        .max(MAX_DELEGATIONS, `at most ${MAX_DELEGATIONS} delegations`)
        .default([])
        .describe(
          'ECR repositories that Runpod may pull without a password. So far this works for Pods only.',
        ),
      additionalRegions: z
        .array(region(), 'a list of AWS regions')
        .default([])
        .describe('AWS regions that the installed CDK does not know yet. Other unknown regions are refused.'),
      architecture: oneOf(['arm64', 'x86_64'])
        .default('arm64')
        .describe('Processor of the functions. Some partitions of AWS lack arm64 for Lambda.'),
      alarms,
      pullWatch,
      standby: standby.optional(),
      runpod,
    },
    'a JSON object',
  )
  .meta({ anyOf: [{ required: ['targets'] }, { required: ['delegations'] }] });

/** The parsed configuration with its defaults. */
export type RefresherConfig = z.output<typeof configSchema>;

/** One target of the parsed configuration. */
export type TargetConfig = RefresherConfig['targets'][number];

/** The alarm settings of the parsed configuration. */
export type AlarmsConfig = RefresherConfig['alarms'];

/**
 * Returns the text of `refresher.schema.json`, with which an editor completes and checks a configuration file.
 *
 * It is JSON Schema draft 7, the newest draft that common editors support completely.
 */
export function configJsonSchema(): string {
  const schema = z.toJSONSchema(configSchema, { io: 'input', target: 'draft-07' });
  return `${JSON.stringify({ title: 'Configuration of the Runpod ECR credential refresher', ...schema }, null, 2)}\n`;
}
