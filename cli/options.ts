/** The options that every command has. */

/** What a person gave on the command line besides the command. */
export interface GlobalOptions {
  readonly profile?: string;
  readonly region?: string;
  /** Path of the configuration file. */
  readonly config?: string;
  readonly json?: boolean;
  readonly debug?: boolean;
}

/** Where the configuration is unless `--config` says so; in the project's root. */
export const DEFAULT_CONFIG = 'refresher.config.json';

/** A command as a person would type it next, with the options that they gave this time. */
export function commandLine(command: string, options: GlobalOptions): string {
  const given = [
    ...(options.profile ? ['--profile', options.profile] : []),
    ...(options.region ? ['--region', options.region] : []),
    ...(options.config ? ['--config', options.config] : []),
  ];
  return ['npx runpod-ecr', command, ...given.map(quoted)].join(' ');
}

/** `npx cdk deploy` with what the CDK calls these options. */
export function deployCommand(options: GlobalOptions): string {
  return cdkCommand('deploy', options);
}

/** A command of the CDK with what it calls these options. */
export function cdkCommand(command: 'bootstrap' | 'deploy', options: GlobalOptions): string {
  const region = options.region ? `AWS_REGION=${options.region} ` : '';
  return [
    `${region}npx cdk ${command}`,
    ...(options.profile ? [`--profile ${quoted(options.profile)}`] : []),
    ...(options.config ? [`-c ${quoted(`config=${options.config}`)}`] : []),
  ].join(' ');
}

/** An AWS CLI command with the options that were given. */
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
