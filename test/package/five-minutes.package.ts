/**
 * A timed walk: from an empty folder to a healthy `doctor`, as a person types it. npm, the wizard, the app, `cdk synth`
 * and `doctor` are the real ones. The cloud is the embedded one. It has no CloudFormation that takes a change set, so
 * `cdk deploy` has two parts: the real `cdk synth`, and the embedded cloud, which deploys the content of `cdk.out`.
 */

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { refresherFunction } from '../../lib/synthesise';
import { LOCAL_ACCOUNT } from '../../local/aws/protocol';
import { LOCAL_REGION } from '../../local/cloud';
import { startOperatorCloud } from '../../local/operator/operator-cloud';
import { OperatorWorld } from '../../local/operator/operator-world';
import type { CommandRun } from '../cli/command-world';
import { type ProcessStarter, type Step, typeAtTerminal } from '../cli/terminal';
import { findLeaks } from '../support/find-leaks';
import { packed } from './packed';
import { NPM, outcomeOf } from './run-program';
import { Assembly, PACKAGE } from './user-app';

const MAX_QUESTIONS = 7;
const MAX_SECONDS = 300;

const STACK = 'EcrCredentialRefresher';
const ENTER = '\r';
const TAB = '\t';
const KEY = `rpa_${randomBytes(20).toString('hex')}`;

/** What a person types, and the keys for it. A paste is one key. */
const INSTALL = `npm install ${PACKAGE}`;
const INIT = 'npx runpod-ecr init';
const MAIL = 'oncall@example.com';

/** Each answer: what the screen shows, and what is typed. */
const ANSWERS: readonly Step[] = [
  ['Paste a Runpod API key', `${KEY}${ENTER}`],
  ['Which ECR repositories', TAB],
  ['◼', ENTER],
  ['Which registry auth', ENTER],
  ['Which image', ENTER],
  ['Who is paged', `${MAIL}${ENTER}`],
  ['and a minimal CDK app', ENTER],
  ['Run these now', ENTER],
];

describe('the first five minutes with the package', () => {
  let world: OperatorWorld;
  let deployments: Server;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    world = new OperatorWorld(await startOperatorCloud(), {
      folder: 'empty-',
      config: 'refresher.config.json',
    });
    placeImages(world);
    deployments = createServer((_, answer) => {
      deploy(world).then(
        () => answer.end('The stack is deployed.\n'),
        (error: unknown) => answer.writeHead(500).end(String(error)),
      );
    });
    await new Promise<void>((resolve) => deployments.listen(0, '127.0.0.1', resolve));
    env = environment(world, deployments);
  });

  afterAll(async () => {
    rmSync(env.HOME ?? '', { recursive: true, force: true });
    deployments.close();
    await world.stop();
  });

  it(`lead from an empty folder to a healthy doctor, with at most ${MAX_QUESTIONS} questions`, async () => {
    const { directory } = world;
    const starter = startedIn(directory, env);
    expect(readdirSync(directory)).toEqual([]);
    const started = performance.now();

    const install = outcomeOf(NPM, ['install', packed().tarball], directory, env as Record<string, string>);
    const init = await typeAtTerminal(starter, INIT, ANSWERS, { appearsWithinMs: 60_000 });

    const seconds = (performance.now() - started) / 1_000;
    const questions = init.stdout.split('\n').filter((line) => line.startsWith('◇')).length;
    report({ questions, keystrokes: keystrokes(), seconds });
    expect(install.status).toBe(0);
    expect({ code: init.code, screen: init.code === 0 ? '' : init.stdout }).toEqual({ code: 0, screen: '' });
    expect(existsSync(join(directory, 'cdk.out/manifest.json'))).toBe(true);
    expect(questions).toBe(ANSWERS.length - 1);
    expect(questions).toBeLessThanOrEqual(MAX_QUESTIONS);
    expect(seconds).toBeLessThan(MAX_SECONDS);
    const doctor = await starter.start('npx', ['runpod-ecr', 'doctor', '--json'], {});
    expect(JSON.parse(doctor.stdout)).toMatchObject({ healthy: true });
    expect(schemaOf(world)).toContain('runpodApiKeySecretName');
    expect(findLeaks([init.raw, doctor.stdout, doctor.stderr].join('\n'), { key: KEY })).toEqual([]);
  }, 400_000);
});

/** Puts into the accounts what a person has: an image, and an endpoint whose registry auth has an old password. */
function placeImages({ cloud }: OperatorWorld): void {
  cloud.registry.addImage('my-worker', '1.0.0');
  const user = cloud.runpod.addUser(KEY);
  const { id = '' } = user.create({ name: 'ecr-prod', username: 'AWS', password: 'expired' }) ?? {};
  const image = `${LOCAL_ACCOUNT}.dkr.ecr.${LOCAL_REGION}.amazonaws.com/my-worker:1.0.0`;
  user.workloads.serverless.push({ id: 'e1', name: 'images', image, registry: id });
}

/** Deploys what `cdk synth` made, with its first refresh. The paged person confirms the mail, and the watch looks once. */
async function deploy(world: OperatorWorld): Promise<void> {
  const assembly = new Assembly(join(world.directory, 'cdk.out'));
  const template = assembly.template(STACK);
  const { S3Key } = refresherFunction(template).Properties.Code as { S3Key: string };
  const assetDirectory = join(assembly.directory, `asset.${S3Key.replace('.zip', '')}`);
  await world.cloud.deploy(STACK, { template, assetDirectory });
  world.cloud.operatorAws.topics.confirmAll();
  await world.invokeOnSchedule('refresher', new Date());
  await world.invokeOnSchedule('watch', new Date());
}

/** Returns the environment of the person, in which AWS and Runpod are the embedded cloud. */
function environment(world: OperatorWorld, deployments: Server): NodeJS.ProcessEnv {
  const { restV2Url, restV1Url, graphqlUrl } = world.cloud.runpod.settings();
  const home = mkdtempSync(join(tmpdir(), 'home-'));
  const { port } = deployments.address() as AddressInfo;
  return {
    PATH: `${writeNpx(home, `http://127.0.0.1:${port}`)}:${process.env.PATH}`,
    HOME: home,
    npm_config_cache: npmCache(),
    npm_config_prefer_offline: 'true',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_update_notifier: 'false',
    ...world.cloud.operatorEnvironment(),
    AWS_REGION: LOCAL_REGION,
    RUNPOD_REST_V2_URL: restV2Url,
    RUNPOD_REST_V1_URL: restV1Url,
    RUNPOD_GRAPHQL_URL: graphqlUrl,
  };
}

/** The cache of npm belongs to the machine. Its packages need no download. */
function npmCache(): string {
  return outcomeOf(NPM, ['config', 'get', 'cache'], tmpdir()).stdout.trim();
}

/** Writes an `npx` that deploys into the embedded cloud, and that is the real one for everything else. @returns its folder */
function writeNpx(home: string, url: string): string {
  const real = outcomeOf('sh', ['-c', 'command -v npx'], tmpdir()).stdout.trim();
  const bin = join(home, 'bin');
  mkdirSync(bin);
  const ask = `await fetch('${url}').then(async (a) => { console.log(await a.text()); if (!a.ok) process.exit(1); })`;
  const script = `#!/bin/sh
case "$1 $2" in
  "cdk bootstrap") echo 'The embedded cloud needs no bootstrap.' ;;
  "cdk deploy") '${real}' cdk synth --quiet && '${process.execPath}' --input-type=module -e "${ask}" ;;
  *) exec '${real}' "$@" ;;
esac
`;
  writeFileSync(join(bin, 'npx'), script, { mode: 0o755 });
  return bin;
}

/** Returns what starts processes in a folder. */
function startedIn(cwd: string, env: NodeJS.ProcessEnv): ProcessStarter {
  return {
    start: (file, args, options) =>
      new Promise<CommandRun>((resolve, reject) => {
        const child = spawn(file, [...args], { cwd, env: { ...env, ...options.env } });
        const text = { stdout: '', stderr: '' };
        for (const name of ['stdout', 'stderr'] as const) {
          child[name].setEncoding('utf8').on('data', (chunk: string) => {
            text[name] += chunk;
          });
        }
        child.once('error', reject).once('close', (code) => resolve({ code, ...text }));
        options.onStart?.(child);
      }),
  };
}

/** Returns how many keys the person presses. The Runpod key is pasted with one. */
function keystrokes(): number {
  const typed = ANSWERS.map(([, keys]) => (typeof keys === 'string' ? keys.replace(KEY, '^').length : 0));
  return [INSTALL, INIT].reduce(
    (sum, line) => sum + line.length + 1,
    typed.reduce((a, b) => a + b, 0),
  );
}

function report(walk: { readonly questions: number; readonly keystrokes: number; readonly seconds: number }) {
  process.stdout.write(
    `The first five minutes: ${walk.questions} questions, ${walk.keystrokes} keystrokes, ${walk.seconds.toFixed(0)} seconds without the person's own time\n`,
  );
}

/** Reads the schema that the configuration names. */
function schemaOf({ configPath }: OperatorWorld): string {
  const { $schema } = JSON.parse(readFileSync(configPath, 'utf8')) as { $schema: string };
  return readFileSync(join(dirname(configPath), $schema), 'utf8');
}
