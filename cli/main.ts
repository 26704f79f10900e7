/** The operator's command line: commands, options, exit codes. */

import { Command, CommanderError } from 'commander';
import { RefresherError } from '../lambda/core/errors';
import { ConfigError } from '../lib/config/mistakes';
import { version } from '../package.json';
import { endWithClosedPipe } from './closed-pipe';
import { CliError, describeAwsError, EXIT, wrongUse } from './errors';
import { addInitOptions, type InitFlags } from './init-options';
import { adoptAwsOptions, Operator } from './operator';
import { commandLine, DEFAULT_CONFIG, type GlobalOptions } from './options';
import { Output } from './output';

/** A command's work. @returns the exit code; nothing where the work decides it itself */
type Action = (operator: Operator, output: Output) => Promise<number | undefined>;

const EXIT_CODES = `
Exit codes:
  0  all is well
  1  something is broken
  2  the command was not understood
  130  interrupted`;

/** Runs a command line (without node and script), and sets the process's exit code. */
export async function main(args: readonly string[]): Promise<void> {
  process.on('SIGINT', interrupted);
  endWithClosedPipe();
  const program = createProgram();
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    process.exitCode = report(error, program.opts<GlobalOptions>());
  }
}

/** The terminal's own convention: 128 and the signal's number. */
function interrupted(): void {
  process.stderr.write(
    '\nInterrupted. Nothing was left half done here; a run that has begun in AWS goes on to its end.\n',
  );
  process.exit(130);
}

function createProgram(): Command {
  const program = new Command('runpod-ecr')
    .description(
      "Keeps Runpod's registry auths fresh with Amazon ECR credentials: set up, look after, repair.",
    )
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
  command(program, 'doctor', 'find the broken link between AWS and your workers, and what mends it', [
    'doctor',
    'doctor --json',
    'doctor --profile production --region eu-west-1',
  ]).action(run(program, async (...with_) => (await import('./commands/doctor')).doctor(...with_)));
  addRefresh(program);
  command(program, 'status', 'show the targets, their life left, alarms and retries', [
    'status',
    'status --json',
  ]).action(run(program, async (...with_) => (await import('./commands/status')).status(...with_)));
  command(program, 'usage', 'show where each registry auth is used, with the digests to pin', [
    'usage',
    'usage --json',
  ]).action(run(program, async (...with_) => (await import('./commands/usage')).usage(...with_)));
  command(program, 'local', 'show one refresh on the embedded cloud: no account needed', [
    'local',
    'local --config refresher.config.json',
  ]).action(async () => {
    const { config, json } = program.opts<GlobalOptions>();
    if (json) throw wrongUse('local tells its story to people only: leave --json out.');
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
    run(program, async (...with_) => (await import('./commands/init')).init(...with_, flags))(),
  );
}

function addRefresh(program: Command): void {
  command(program, 'refresh', 'run the deployed function now and tell its story', [
    'refresh',
    'refresh --target prod --target staging',
    'refresh --dry-run',
  ])
    .option('--target <name>', 'refresh this target only (repeat it for more)', collect)
    .option('--dry-run', 'do everything but write')
    .action((flags: { target?: string[]; dryRun?: boolean }) =>
      run(program, async (...with_) => (await import('./commands/refresh')).refresh(...with_, flags))(),
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
    const code = await action(new Operator(options), output);
    if (code !== undefined) process.exitCode = code;
  };
}

/** Says what went wrong on standard error. @returns the exit code */
function report(error: unknown, options: GlobalOptions): number {
  // Commander has already said it.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.well : EXIT.wrongUse;
  const known = error instanceof CliError || error instanceof ConfigError || error instanceof RefresherError;
  const doctor = `See what is broken: ${commandLine('doctor', options)}`;
  const message = known ? error.message : `${describeAwsError(error)}. ${doctor}`;
  process.stderr.write(`${message}\n`);
  if (options.debug && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  return error instanceof CliError ? error.exitCode : EXIT.broken;
}
