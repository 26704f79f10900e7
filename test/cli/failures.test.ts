import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { CommandWorld } from './command-world';

let world: CommandWorld;
const servers: Server[] = [];

beforeAll(async () => {
  world = await CommandWorld.start();
  await world.settle();
}, 60_000);

afterAll(async () => {
  for (const server of servers) server.close();
  const leaks = world.leaks();
  await world.stop();
  expect(leaks).toEqual([]);
});

/** Nothing listens on this port. */
const CLOSED = 'http://127.0.0.1:1';

/** Starts a server and returns its address. */
async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Writes the world's configuration with other fields, and returns its path. */
function configWith(name: string, fields: object): string {
  const path = join(world.directory, name);
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(world.configPath, 'utf8')), ...fields }));
  return path;
}

/** A situation in which a command fails, and what it says. */
interface Situation {
  readonly env?: () => Promise<Record<string, string | undefined>>;
  /** Arguments that replace the world's configuration. */
  readonly args?: () => string[];
  readonly message: RegExp;
  readonly fix: RegExp;
}

const DOCTOR = 'To find the cause: npx runpod-ecr doctor';
const aws = (url: string) => ({ AWS_ENDPOINT_URL: url });

const SITUATIONS: Readonly<Record<string, Situation>> = {
  'no configuration': {
    args: () => ['--config', join(world.directory, 'nowhere.json')],
    message: /nowhere\.json does not exist\.$/,
    fix: /npx runpod-ecr init --config \S+nowhere\.json$/,
  },
  'an unknown key in the configuration': {
    args: () => ['--config', configWith('mistake.json', { stackNam: 'Mine' })],
    message: /stackNam: expected a known key, perhaps "stackName"; found an unknown key/,
    fix: /^$/,
  },
  'no AWS credentials': {
    env: async () => ({
      AWS_ACCESS_KEY_ID: undefined,
      AWS_SECRET_ACCESS_KEY: undefined,
      AWS_EC2_METADATA_DISABLED: 'true',
    }),
    message: /^there are no AWS credentials$/,
    fix: new RegExp(`^sign in \\(aws sso login, .* ${DOCTOR}`),
  },
  'no region': {
    env: async () => ({ AWS_REGION: undefined, AWS_DEFAULT_REGION: undefined }),
    message: /^no AWS region is set$/,
    fix: new RegExp(`^name it with --region, or set AWS_REGION\\. ${DOCTOR}`),
  },
  'a closed port instead of AWS': {
    env: async () => aws(CLOSED),
    message:
      /^could not reach 127\.0\.0\.1:1 \(\w+, region us-east-1\): connection refused \(ECONNREFUSED\)$/,
    fix: new RegExp(`^check AWS_ENDPOINT_URL, .* ${DOCTOR}`),
  },
  'a web page instead of AWS': {
    env: async () =>
      aws(
        await serve((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>Hi')),
      ),
    message:
      /^127\.0\.0\.1:\d+ \(\w+, region us-east-1\) answered with a web page \(200\) instead of an AWS response$/,
    fix: new RegExp(`^check AWS_ENDPOINT_URL, .* ${DOCTOR}`),
  },
  'an outage of AWS': {
    env: async () => aws(await serve((_, response) => response.writeHead(503).end('down'))),
    message: /^127\.0\.0\.1:\d+ \(\w+, region us-east-1\) answered 503$/,
    fix: new RegExp(`^try again in some minutes; .* ${DOCTOR}`),
  },
  'a stack that does not exist': {
    args: () => ['--stack', 'Nope'],
    message: /^There is no stack Nope in us-east-1\.$/,
    fix: /^Name its region with --region, or deploy it: npx cdk deploy Nope$/,
  },
};

const COMMANDS = [
  ['status'],
  ['refresh'],
  ['usage'],
  ['deploy', 'e1', '--image', 'my-worker:1.0.0', '--dry-run'],
];

describe.each(Object.entries(SITUATIONS))('with %s', (_, { env, args, message, fix }) => {
  it.each(COMMANDS)(
    '%s exits with 1 and one document that says what failed, and the fix',
    async (...words) => {
      const given = args?.() ?? ['--config', world.configPath];

      const { code, stdout, stderr } = await world.run([...words, '--json', ...given], {
        config: false,
        env: (await env?.()) ?? {},
      });

      const { error } = JSON.parse(stdout);
      expect({ code, document: Object.keys(JSON.parse(stdout)) }).toEqual({ code: 1, document: ['error'] });
      expect(error.message).toMatch(message);
      expect(error.fix ?? '').toMatch(fix);
      expect(stderr).toContain(error.message);
      expect(stderr).not.toContain('    at ');
    },
  );
});

describe('with a closed port instead of Runpod', () => {
  const unreachable = () =>
    configWith('unreachable.json', {
      runpod: { restV2Url: `${CLOSED}/v2`, restV1Url: CLOSED, graphqlUrl: `${CLOSED}/graphql` },
    });

  it.each([['usage'], ['deploy', 'e1', '--image', 'my-worker:1.0.0', '--dry-run'], ['check-runpod']])(
    '%s names the host',
    async (...words) => {
      const { code, stdout } = await world.run([...words, '--json', '--config', unreachable()], {
        config: false,
      });

      expect(code).toBe(1);
      expect(JSON.parse(stdout).error.message).toContain(
        'GET 127.0.0.1:1: connection refused (ECONNREFUSED)',
      );
    },
  );
});

describe('a name that does not exist', () => {
  it.each([
    [['refresh', '--target', 'prdo'], 'Did you mean prod? There are prod.'],
    [
      ['deploy', 'imagse', '--image', 'my-worker:1.0.0', '--dry-run'],
      'Did you mean images? There are e1 (images).',
    ],
    [['deploy', 'e1', '--image', 'my-worker:1.0.0', '--dry-run', '--target', 'pord'], 'Did you mean prod?'],
    [['statsu'], 'Did you mean status?'],
    [['refresh', '--dry-rnu'], 'Did you mean --dry-run?'],
    [['demo', '--break', 'kye'], 'Did you mean key?'],
  ])('%j is answered with the one that was meant', async (words, guess) => {
    const config = words[0] !== 'demo';
    const [text, json] = await Promise.all([
      world.run(words, { config }),
      world.run([...words, '--json'], { config }),
    ]);

    expect(text.code).toBe(json.code);
    expect(text.stderr).toContain(guess);
    if (config) expect(JSON.parse(json.stdout).error.fix).toContain(guess);
  });
});
