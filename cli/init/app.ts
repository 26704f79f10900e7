/** The minimal CDK app that `init` writes around the configuration, so that `npx cdk deploy` is the next command. */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { context } from '../../cdk.json';
import { isJsonObject, type JsonObject } from '../../lambda/core/runpod/api';
import { devDependencies, name as PACKAGE_NAME, version } from '../../package.json';
import { usageError } from '../errors';
import { CLONE_ROOT } from '../installation';
import type { Operator } from '../operator';
import { askYes, mayAsk } from '../prompts';
import { explainWriteError } from './destination';
import type { InitFlags } from './options';

/** A file of the app, and what it will hold. */
interface PlannedFile {
  readonly path: string;
  /** Path from the app's folder. */
  readonly label: string;
  readonly text: string;
  /** Whether the file may exist when it is written. */
  readonly replaces: boolean;
}

/** What `init` does besides the configuration. */
export interface AppPlan {
  readonly directory: string;
  /** The files to write. A file that already has the right content is not among them. */
  readonly files: readonly PlannedFile[];
}

/** The files of an app, in words. */
export function appFiles(): string {
  return Object.keys(FILES).join(', ');
}

/**
 * Returns whether an app is wanted; undefined when the person must be asked. A folder with a `cdk.json` and a clone
 * already have an app, so none is written there.
 *
 * @throws CliError (usage error) for `--install` without an app, and for an app in a clone
 */
export function wantsApp(operator: Operator, { app, install }: InitFlags): boolean | undefined {
  const directory = dirname(operator.configPath);
  const needsNone = CLONE_ROOT !== undefined || existsSync(join(directory, 'cdk.json'));
  const wanted = app ?? (needsNone || !mayAsk(operator.options) ? false : undefined);
  if (wanted === false && install) {
    throw usageError('--install installs the packages of the app.', 'Add --app.');
  }
  if (wanted && directory === CLONE_ROOT) {
    throw usageError('This folder is a clone of the project, which is a CDK app.', 'Leave --app out.');
  }
  return wanted;
}

/**
 * Plans an app, and asks whether its files may replace others. Writes nothing.
 *
 * `package.json` and `.gitignore` keep their content and get what is missing. Other files are replaced only with consent.
 *
 * @throws CliError (usage error) when a file exists and the person did not agree, or `package.json` is not JSON
 */
export async function planApp(operator: Operator, flags: InitFlags): Promise<AppPlan> {
  const directory = dirname(operator.configPath);
  const files: PlannedFile[] = [];
  for (const [label, make] of Object.entries(FILES)) {
    const file = await planFile(operator, flags, { directory, label, make });
    if (file) files.push(file);
  }
  return { directory, files };
}

/** Returns the content of a file. @param present - what it holds now; undefined when it does not exist */
type Make = (present: string | undefined, configName: string) => string;

const FILES: Readonly<Record<string, Make>> = {
  'package.json': packageJson,
  'cdk.json': () => json({ app: 'npx tsx bin/app.ts', context }),
  'bin/app.ts': (_, configName) => appSource(configName),
  'tsconfig.json': () => json(TSCONFIG),
  '.gitignore': gitignore,
};

/** These files are completed, so no consent is needed. */
const COMPLETED: readonly string[] = ['package.json', '.gitignore'];

async function planFile(
  { options, configPath }: Operator,
  { force }: InitFlags,
  { directory, label, make }: { readonly directory: string; readonly label: string; readonly make: Make },
): Promise<PlannedFile | undefined> {
  const path = join(directory, label);
  const present = existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  const text = make(present, basename(configPath));
  if (present === text) return undefined;
  const replaces = present !== undefined;
  const agreed = !replaces || force || COMPLETED.includes(label);
  if (agreed || (mayAsk(options) && (await askYes(`${label} already exists. Overwrite it?`)))) {
    return { path, label, text, replaces };
  }
  throw usageError(
    `${label} already exists.`,
    'Add --force to overwrite it, or --no-app to leave the app out.',
  );
}

/** Writes the files of the app. @throws CliError when one cannot be written, or appeared since the person was asked */
export function writeApp({ files }: AppPlan): void {
  for (const { path, label, text, replaces } of files) {
    explainWriteError(label, () => {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text, { flag: replaces ? 'w' : 'wx' });
    });
  }
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** The packages of the app. The CDK's own program is exact, because version 3.0.0 on npm is an old build. */
const PACKAGES = {
  dependencies: {
    'aws-cdk-lib': `^${devDependencies['aws-cdk-lib']}`,
    constructs: `^${devDependencies.constructs}`,
    [PACKAGE_NAME]: `^${version}`,
  },
  devDependencies: {
    '@types/node': `^${devDependencies['@types/node']}`,
    'aws-cdk': devDependencies['aws-cdk'],
    tsx: `^${devDependencies.tsx}`,
    typescript: `^${devDependencies.typescript}`,
  },
};

function packageJson(present: string | undefined): string {
  if (present === undefined) return json({ private: true, ...PACKAGES });
  const parsed = parsedPackage(present);
  const given = ['dependencies', 'devDependencies'].flatMap((list) => Object.keys(objectOf(parsed[list])));
  const lacking = (packages: Readonly<Record<string, string>>) =>
    Object.entries(packages).filter(([name]) => !given.includes(name));
  const added = Object.entries(PACKAGES).flatMap(([list, packages]) => {
    const entries = lacking(packages);
    return entries.length > 0 ? [[list, { ...objectOf(parsed[list]), ...Object.fromEntries(entries) }]] : [];
  });
  return added.length > 0 ? json({ ...parsed, ...Object.fromEntries(added) }) : present;
}

function parsedPackage(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    if (isJsonObject(value)) return value;
  } catch {
    // The same error as for JSON of another kind.
  }
  throw usageError('package.json is not a JSON object.', 'Correct it, or add --no-app to leave the app out.');
}

function objectOf(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}

const IGNORED = ['node_modules/', 'cdk.out/', 'cdk.context.json'];

function gitignore(present = ''): string {
  const lines = present.split('\n').map((line) => line.trim().replace(/\/$/, ''));
  const lacking = IGNORED.filter((line) => !lines.includes(line.replace(/\/$/, '')));
  const start = present === '' || present.endsWith('\n') ? present : `${present}\n`;
  return lacking.length > 0 ? `${start}${lacking.join('\n')}\n` : present;
}

const TSCONFIG = {
  compilerOptions: {
    target: 'es2022',
    module: 'preserve',
    moduleResolution: 'bundler',
    types: ['node'],
    strict: true,
    skipLibCheck: true,
    noEmit: true,
  },
  include: ['bin'],
};

function appSource(configName: string): string {
  return `import { App } from 'aws-cdk-lib';
import { RefresherStack } from '${PACKAGE_NAME}';

const app = new App();
RefresherStack.fromFile(app, ${JSON.stringify(configName).replaceAll("'", "\\'").replace(/^"|"$/g, "'")}, {
  env: { account: process.env.CDK_DEFAULT_ACCOUNT, region: process.env.CDK_DEFAULT_REGION },
});
`;
}
