/** The operator's command line: commands, options and exit codes. `cli/README.md` describes the folders. */

import { Command, CommanderError, Help, Option } from 'commander';
import { version } from '../package.json';
import { endWithClosedPipe } from './closed-pipe';
import type { DemoFlags } from './commands/demo';
import type { DoctorFlags } from './commands/doctor';
import type { DeployFlags } from './deploy/options';
import { EXIT } from './exit-codes';
import { addInitOptions, type InitFlags } from './init/options';
import { DEFAULT_CONFIG, type GlobalOptions } from './options';
import { PLAIN_VARIABLE } from './plain';
import type { Action } from './run';

/** Help has the same maximum width as prose. In a narrow terminal the description of an option is below its name. */
const HELP = {
  showGlobalOptions: true,
  helpWidth: Math.min(process.stdout.columns ?? 80, 100),
  minWidthToWrap: 20,
  formatItem(term: string, termWidth: number, description: string, helper: Help): string {
    const width = helper.helpWidth ?? 80;
    if (width >= NARROW || !description) {
      return Help.prototype.formatItem.call(helper, term, termWidth, description, helper);
    }
    const wrapped = helper.boxWrap(description, width - 6).replaceAll('\n', '\n      ');
    return `  ${term}\n      ${wrapped}`;
  },
};

/** In a narrower terminal two columns do not fit. */
const NARROW = 76;

const EXIT_CODES = `
Exit codes:
  0  all is well
  1  something is broken
  2  the command was not understood
  130  interrupted`;

/**
 * Runs a command line and sets the process's exit code. It prints errors.
 *
 * @param args - arguments after `node` and the script
 */
export async function main(args: readonly string[]): Promise<void> {
  // This variable would switch off the verification of certificates in the AWS SDK.
  delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
  endWithClosedPipe();
  const program = createProgram();
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    process.exitCode = await report(error, args);
  }
}

function createProgram(): Command {
  const program = new Command('runpod-ecr')
    .description("Keeps Runpod's registry auths fresh with Amazon ECR credentials: set up, watch, repair.")
    .version(version, '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .showHelpAfterError('(see --help)')
    .configureHelp(HELP)
    .exitOverride()
    .option('--profile <name>', 'profile of the AWS credentials')
    .option('--region <region>', "AWS region of the stack (default: the profile's, or AWS_REGION)")
    .option('--config <path>', `configuration file (default: ${DEFAULT_CONFIG})`)
    .addOption(
      new Option(
        '--stack <name>',
        'a deployed stack with a refresher, instead of a configuration file',
      ).conflicts('config'),
    )
    .option('--refresher <service>', 'which refresher of that stack, if it has several')
    .option('--json', 'one JSON document instead of text')
    .addOption(
      new Option('--plain', 'words instead of symbols, no colour, lists instead of tables').env(
        PLAIN_VARIABLE,
      ),
    )
    .option('--debug', 'show where an error came from')
    .addHelpText('after', `${examples(['init', 'doctor', 'refresh --target prod'])}\n${EXIT_CODES}`)
    .hook('preAction', (_, action) => refuseOptionsAsValues(action));

  addInit(program);
  addDoctor(program);
  addRefresh(program);
  command(program, 'status', 'show the targets, the last run and why it failed, alarms and retries', [
    'status',
    'status --json',
  ]).action(run(program, async (...context) => (await import('./commands/status')).status(...context)));
  command(program, 'usage', 'show where each registry auth is used, with the digests to pin', [
    'usage',
    'usage --json',
  ]).action(run(program, async (...context) => (await import('./commands/usage')).usage(...context)));
  addDeploy(program);
  command(
    program,
    'check-runpod',
    "find out which of Runpod's APIs can update a registry auth with your key",
    ['check-runpod', 'check-runpod --json'],
  ).action(
    run(program, async (...context) => (await import('./commands/check-runpod')).checkRunpod(...context)),
  );
  addDemo(program);
  command(program, 'local', 'show one refresh on the embedded cloud; no account is needed', [
    'local',
    'local --config refresher.config.json',
  ]).action(
    run(program, async ({ options: { config, json, stack } }) => {
      const { usageError } = await import('./errors');
      if (stack) throw usageError('local deploys nothing, so it has no --stack.', 'Leave --stack out.');
      if (json) throw usageError('local has no JSON output: leave --json out.');
      const { start } = await import('../local/start');
      return start(config === undefined ? [] : ['--config', config]);
    }),
  );
  return program;
}

function addInit(program: Command): void {
  const init = command(
    program,
    'init',
    'ask a few questions, store the Runpod key, write the configuration',
    [
      'init',
      'init --app --install',
      'init --store-key --replace-key',
      'init --key-stdin --repository my-worker --auth-name ecr-prod --email oncall@example.com < key.txt',
    ],
  );
  addInitOptions(init).action((flags: InitFlags) =>
    run(program, async (...context) => (await import('./commands/init')).init(...context, flags))(),
  );
}

function addDoctor(program: Command): void {
  command(program, 'doctor', 'check everything from AWS to your workers, and say how to fix what is broken', [
    'doctor',
    'doctor --watch',
    'doctor --stack MyStack --json',
    'doctor --profile production --region eu-west-1',
  ])
    .option('--watch [seconds]', 'repeat every 10 seconds, or as often as you say, until Ctrl-C')
    .action((flags: DoctorFlags) =>
      run(program, async (...context) => (await import('./commands/doctor')).doctor(...context, flags))(),
    );
}

function addRefresh(program: Command): void {
  command(program, 'refresh', 'run the deployed function now and show what it did', [
    'refresh',
    'refresh --target prod --target staging',
    'refresh --dry-run',
    'refresh --standby',
  ])
    .option('--target <name>', 'refresh this target only (repeat it for more)', collect)
    .option('--dry-run', 'do everything but write')
    .option('--standby', 'run the function of the standby, in its region')
    .action((flags: { target?: string[]; dryRun?: boolean; standby?: boolean }) =>
      run(program, async (...context) => (await import('./commands/refresh')).refresh(...context, flags))(),
    );
}

function addDeploy(program: Command): void {
  command(
    program,
    'deploy',
    'give an endpoint an image by its digest, and watch that its workers can pull it',
    [
      'deploy my-endpoint --image my-worker:1.4.2',
      'deploy my-endpoint --image my-worker:1.4.2 --dry-run',
      'deploy my-endpoint --image 123456789012.dkr.ecr.us-east-1.amazonaws.com/my-worker:1.4.2 --auth ecr-prod --yes',
    ],
  )
    .argument('<endpoint>', 'id or name of the endpoint')
    .requiredOption('--image <image>', 'REPOSITORY:TAG of a target, or the full address of an image')
    .option('--target <name>', 'the target whose registry has the image, if several can have it')
    .addOption(
      new Option('--auth <name>', 'registry auth at Runpod; needs no configuration').conflicts('target'),
    )
    .option('--timeout <time>', 'how long new workers may take to pull, such as 90s, 15m or 1h', '15m')
    .option('--dry-run', 'prove and show everything, and change nothing')
    .option('--force', 'deploy although another release is being rolled out')
    .option('-y, --yes', 'do not ask')
    .action((endpoint: string, flags: DeployFlags) =>
      run(program, async (...context) =>
        (await import('./commands/deploy')).deploy(...context, endpoint, flags),
      )(),
    );
}

function addDemo(program: Command): void {
  command(program, 'demo', 'try every command in an embedded cloud; no account is needed', [
    'demo',
    'demo -- doctor',
    'demo --break list',
    'demo --break key -- doctor',
  ])
    .argument('[words...]', 'a command to run after --, or in the shell of a demo: break NAME, fix')
    .option('--break <name>', 'start with one thing broken; list names them')
    .action((words: string[], flags: DemoFlags) =>
      run(program, async (...context) => (await import('./commands/demo')).demo(...context, words, flags))(),
    );
}

/**
 * Refuses an option that stands where a value is missing, as in `--config --json`: Commander takes it as the value. An
 * empty value is that of a variable of the shell that is not set.
 *
 * @throws CommanderError
 */
function refuseOptionsAsValues(action: Command): void {
  for (const [name, value] of Object.entries(action.optsWithGlobals())) {
    const found = [value].flat().find((one) => typeof one === 'string' && /^(--[a-z]|$)/.test(one));
    if (found === undefined) continue;
    const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const why = found === '' ? 'it is empty' : `'${found}' is an option`;
    action.error(`error: option '--${flag}' has no value, because ${why}`);
  }
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
    // Most of the code is loaded here, so that help and version need little time.
    const { run: runAction } = await import('./run');
    process.exitCode = await runAction(program.opts<GlobalOptions>(), action);
  };
}

/** Reports a command line that is not understood. Commander has already printed why. @returns the exit code */
async function report(error: unknown, args: readonly string[]): Promise<number> {
  if (!(error instanceof CommanderError)) throw error;
  if (error.exitCode === 0) return EXIT.ok;
  const end = args.indexOf('--');
  // The words after -- are another command.
  if (args.slice(0, end < 0 ? undefined : end).includes('--json')) {
    const { visibleJson } = await import('./visible');
    const isHelp = error.code === 'commander.help';
    const [problem = '', suggestion = ''] = error.message.replace(/^error: /, '').split('\n');
    const message = isHelp ? 'No command was given.' : problem;
    const guess = suggestion.replace(/^\((.*)\)$/, '$1 ');
    process.stdout.write(
      `${visibleJson({ error: { message, fix: `${guess}See: npx runpod-ecr --help` } })}\n`,
    );
  }
  return EXIT.usageError;
}
