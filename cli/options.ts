/** The options that every command has, and the commands that messages suggest. */

import { CLONE_ROOT } from './installation';

/** Options that every command has. */
export interface GlobalOptions {
  readonly profile?: string;
  readonly region?: string;
  /** Path of the configuration file. */
  readonly config?: string;
  /** Name of a deployed stack, instead of a configuration file. */
  readonly stack?: string;
  /** Which refresher of the stack: its `service`. @default - the stack has only one */
  readonly refresher?: string;
  readonly json?: boolean;
  /** Words instead of symbols, no colour, and lists instead of tables. */
  readonly plain?: boolean;
  readonly debug?: boolean;
}

/** Name of the configuration file. `--config` names another. */
export const DEFAULT_CONFIG = 'refresher.config.json';

/** Returns a `npx runpod-ecr` command line for a person to type next. It repeats the options that they gave this time. */
export function commandLine(command: string, options: GlobalOptions): string {
  const given = [
    ...(options.profile ? ['--profile', options.profile] : []),
    ...(options.region ? ['--region', options.region] : []),
    ...(options.config ? ['--config', options.config] : []),
    ...(options.stack ? ['--stack', options.stack] : []),
    ...(options.refresher ? ['--refresher', options.refresher] : []),
  ];
  return ['npx runpod-ecr', command, ...given.map(quoted)].join(' ');
}

/**
 * Returns `npx cdk deploy` with the options that were given, as the CDK names them.
 *
 * @param what - stacks, or `--all`. @default - the stack that the options name, or the only one
 */
export function deployCommand(options: GlobalOptions, what = options.stack ? [options.stack] : []): string {
  return cdkCommand('deploy', options, what);
}

/**
 * Returns a CDK command with the options that were given, as the CDK names them.
 *
 * @param what - stacks or environments
 */
export function cdkCommand(
  command: 'bootstrap' | 'deploy',
  options: GlobalOptions,
  what: readonly string[] = [],
): string {
  const region = options.region ? `AWS_REGION=${options.region} ` : '';
  return [
    `${region}npx cdk ${command}`,
    ...what,
    ...(options.profile ? [`--profile ${quoted(options.profile)}`] : []),
    // An app of the user's own names its configuration file itself.
    ...(options.config && CLONE_ROOT !== undefined ? [`-c ${quoted(`config=${options.config}`)}`] : []),
  ].join(' ');
}

/** Returns an AWS CLI command with the options that were given. */
export function awsCommand(command: string, options: GlobalOptions): string {
  return [
    `aws ${command}`,
    ...(options.profile ? [`--profile ${quoted(options.profile)}`] : []),
    ...(options.region ? [`--region ${options.region}`] : []),
  ].join(' ');
}

function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
