/** The operator's command line: commands, options and exit codes. `cli/README.md` describes the folders. */

import { Command, CommanderError } from 'commander';
import { ConfigError } from '../lib/config/mistakes';
import { version } from '../package.json';
import { endWithClosedPipe } from './closed-pipe';
import { CliError, debugLines, describeAwsError, EXIT, isOwnError, usageError } from './errors';
import { addInitOptions, type InitFlags } from './init/options';
import { adoptAwsOptions, Operator } from './operator';
import { commandLine, DEFAULT_CONFIG, type GlobalOptions } from './options';
import { Output } from './output';
import { visibleLine } from './visible';

/** Runs a command. @returns the exit code */
type Action = (operator: Operator, output: Output) => Promise<number>;

const EXIT_CODES = `
Exit codes:
  0  all is well
  1  something is broken
  2  the command was not understood
  130  interrupted`;

/**
 * Runs a command line and sets the process's exit code. It prints errors and never throws.
 *
 * @param args - arguments after `node` and the script
 */
export async function main(args: readonly string[]): Promise<void> {
  // This variable would switch off the verification of certificates in the AWS SDK.
  delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
  process.on('SIGINT', interrupted);
  endWithClosedPipe();
  const program = createProgram();
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    process.exitCode = report(error, program.opts<GlobalOptions>());
  }
}

/** Ends the process on Ctrl-C. The exit code is the shell's convention: 128 plus the signal's number. */
function interrupted(): void {
  process.stderr.write(
    '\nInterrupted. No file and no secret was left half written. A run that has started in AWS continues.\n',
  );
  process.exit(EXIT.interrupted);
}

function createProgram(): Command {
  const program = new Command('runpod-ecr')
    .description("Keeps Runpod's registry auths fresh with Amazon ECR credentials: set up, watch, repair.")
    .version(version, '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .showHelpAfterError('(see --help)')
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .option('--profile <name>', 'profile of the AWS credentials')
    .option('--region <region>', "AWS region of the stack (default: the profile's, or AWS_REGION)")
    .option('--config <path>', `configuration file (default: ${DEFAULT_CONFIG} in the project)`)
    .option('--json', 'one JSON document instead of text')
    .option('--debug', 'show where an error came from')
    .addHelpText('after', `${examples(['init', 'doctor', 'refresh --target prod'])}\n${EXIT_CODES}`);

  addInit(program);
  command(program, 'doctor', 'check everything from AWS to your workers, and say how to fix what is broken', [
    'doctor',
    'doctor --json',
    'doctor --profile production --region eu-west-1',
  ]).action(run(program, async (...context) => (await import('./commands/doctor')).doctor(...context)));
  addRefresh(program);
  command(program, 'status', 'show the targets, their remaining life, alarms and retries', [
    'status',
    'status --json',
  ]).action(run(program, async (...context) => (await import('./commands/status')).status(...context)));
  command(program, 'usage', 'show where each registry auth is used, with the digests to pin', [
    'usage',
    'usage --json',
  ]).action(run(program, async (...context) => (await import('./commands/usage')).usage(...context)));
  command(program, 'local', 'show one refresh on the embedded cloud; no account is needed', [
    'local',
    'local --config refresher.config.json',
  ]).action(async () => {
    const { config, json } = program.opts<GlobalOptions>();
    if (json) throw usageError('local has no JSON output: leave --json out.');
    const { start } = await import('../local/start');
    process.exitCode = await start(config === undefined ? [] : ['--config', config]);
  });
  return program;
}

function addInit(program: Command): void {
  const init = command(
    program,
    'init',
    'ask a few questions, store the Runpod key, write the configuration',
    [
      'init',
      'init --store-key --replace-key',
      'init --key-stdin --repository my-worker --auth-name ecr-prod --email oncall@example.com < key.txt',
    ],
  );
  addInitOptions(init).action((flags: InitFlags) =>
    run(program, async (...context) => (await import('./commands/init')).init(...context, flags))(),
  );
}

function addRefresh(program: Command): void {
  command(program, 'refresh', 'run the deployed function now and show what it did', [
    'refresh',
    'refresh --target prod --target staging',
    'refresh --dry-run',
  ])
    .option('--target <name>', 'refresh this target only (repeat it for more)', collect)
    .option('--dry-run', 'do everything but write')
    .action((flags: { target?: string[]; dryRun?: boolean }) =>
      run(program, async (...context) => (await import('./commands/refresh')).refresh(...context, flags))(),
    );
}

function command(program: Command, name: string, description: string, lines: readonly string[]): Command {
  return program
    .command(name)
    .description(description)
    .helpOption('-h, --help', 'show help')
    .addHelpText('after', `${examples(lines)}\n${EXIT_CODES}`);
}

function examples(lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ npx runpod-ecr ${line}`).join('\n')}`;
}

function collect(value: string, previous: readonly string[] = []): string[] {
  return [...previous, value];
}

function run(program: Command, action: Action): () => Promise<void> {
  return async () => {
    const options = program.opts<GlobalOptions>();
    adoptAwsOptions(options, process.env);
    const { stdout, stderr, env } = process;
    const output = new Output({ stdout, stderr, env, json: options.json === true });
    process.exitCode = await action(new Operator(options), output);
  };
}

/** Prints an error on standard error. @returns the exit code */
function report(error: unknown, options: GlobalOptions): number {
  // Commander has already printed it.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usageError;
  const doctor = `To find the cause: ${commandLine('doctor', options)}`;
  const message = isOwnError(error) ? error.message : `${describeAwsError(error)}. ${doctor}`;
  const debug = options.debug ? debugLines(error) : [];
  // Only the mistakes in a configuration have more than one line.
  const lines = error instanceof ConfigError ? message.split('\n') : [message];
  for (const line of [...lines, ...debug]) process.stderr.write(`${visibleLine(line)}\n`);
  return error instanceof CliError ? error.exitCode : EXIT.broken;
}
