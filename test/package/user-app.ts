import {
  chmodSync,
  copyFileSync,
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CloudFormationTemplate } from '../../lib/synthesise';
import { packed } from './packed';
import { NPM, ROOT, run } from './run-program';

/** Our package's name. */
export const PACKAGE = 'runpod-ecr-credential-refresher';

const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');

/** The two kinds of module that Node knows. */
export const MODULE_KINDS = ['commonjs', 'module'] as const;

export type ModuleKind = (typeof MODULE_KINDS)[number];

/** The versions of the peers in a user's app. */
export interface PeerVersions {
  readonly 'aws-cdk-lib': string;
  readonly constructs: string;
}

/** The peers with which this project is developed. */
export function ourPeers(): PeerVersions {
  const { devDependencies } = manifestOf(ROOT);
  return { 'aws-cdk-lib': devDependencies['aws-cdk-lib'], constructs: devDependencies.constructs };
}

/** The oldest peers that the package allows. */
export function oldestPeers(): PeerVersions {
  const { peerDependencies } = manifestOf(packed().folder);
  const oldest = (name: keyof PeerVersions) => peerDependencies[name].replace(/^\^/, '');
  return { 'aws-cdk-lib': oldest('aws-cdk-lib'), constructs: oldest('constructs') };
}

export function manifestOf(folder: string) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}

/**
 * The folder of a user who installs the tarball, with an app for each kind of module.
 *
 * Both apps are `apps/everything.ts`.
 */
export class UserFolder {
  readonly directory = mkdtempSync(join(tmpdir(), 'user-'));

  /** Installs with npm. The apps are folders of the project. */
  installWithNpm(peers: PeerVersions): void {
    this.#write('package.json', { private: true, dependencies: dependenciesWith(peers) });
    this.#npmInstall();
    this.#addApps();
  }

  /** Installs with npm in a workspace. Each app names its dependencies, and npm hoists them. */
  installInWorkspace(peers: PeerVersions): void {
    this.#write('package.json', { private: true, workspaces: [...MODULE_KINDS] });
    this.#addApps(dependenciesWith(peers));
    this.#npmInstall();
  }

  /** Installs with pnpm, where a package sees only the dependencies that it names. */
  installWithPnpm(peers: PeerVersions): void {
    this.#write('package.json', { private: true, dependencies: dependenciesWith(peers) });
    run('npx', ['-y', 'pnpm@9.15.9', 'install', '--prefer-offline', '--ignore-scripts'], this.directory);
    this.#addApps();
  }

  /** Makes what is installed read-only. */
  protect(): void {
    for (const path of this.#installed()) chmodSync(path, 0o555);
  }

  /** Returns every installed file with its size and the time of its last change. */
  installedFiles(): string[] {
    return this.#installed().map((path) => {
      const { size, mtimeMs } = lstatSync(path);
      return `${path} ${size} ${mtimeMs}`;
    });
  }

  /** Checks the types of an app strictly, those of the libraries included, and compiles it. */
  compile(kind: ModuleKind): void {
    run(process.execPath, [TSC, '-p', '.'], this.path(kind));
  }

  /** Compiles an app without a check of its types, which takes less time. */
  transpile(kind: ModuleKind): void {
    run(process.execPath, [TSC, '-p', '.', '--noCheck'], this.path(kind));
  }

  /** Runs a compiled app. @returns the assembly */
  synthesise(kind: ModuleKind, env: Readonly<Record<string, string>> = {}): Assembly {
    const app = this.path(kind);
    run(process.execPath, ['out/everything.js', 'cdk.out', 'refresher.config.json'], app, env);
    return new Assembly(join(app, 'cdk.out'));
  }

  /** Copies a folder into this one. */
  add(folder: string, name: string): void {
    cpSync(folder, this.path(name), { recursive: true });
  }

  path(...names: readonly string[]): string {
    return join(this.directory, ...names);
  }

  remove(): void {
    for (const path of this.#installed()) chmodSync(path, 0o755);
    rmSync(this.directory, { recursive: true, force: true });
  }

  #addApps(dependencies: Readonly<Record<string, string>> = {}): void {
    for (const type of MODULE_KINDS) {
      mkdirSync(this.path(type));
      copyFileSync(join(__dirname, 'apps/everything.ts'), this.path(type, 'everything.ts'));
      copyFileSync(join(ROOT, 'refresher.config.example.json'), this.path(type, 'refresher.config.json'));
      this.#write(join(type, 'package.json'), {
        name: `app-${type}`,
        version: '1.0.0',
        private: true,
        type,
        dependencies,
      });
      this.#write(join(type, 'tsconfig.json'), {
        compilerOptions: COMPILER_OPTIONS,
        files: ['everything.ts'],
      });
    }
  }

  #npmInstall(): void {
    run(NPM, ['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'], this.directory);
  }

  #installed(): string[] {
    const folder = this.path('node_modules');
    return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
  }

  #write(name: string, content: unknown): void {
    writeFileSync(this.path(name), JSON.stringify(content, null, 2));
  }
}

/** A cloud assembly. */
export class Assembly {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  template(stack: string): CloudFormationTemplate {
    return JSON.parse(readFileSync(join(this.directory, `${stack}.template.json`), 'utf8'));
  }
}

function dependenciesWith(peers: PeerVersions): Record<string, string> {
  return { ...peers, [PACKAGE]: `file:${packed().tarball}` };
}

/** `skipLibCheck` is off: the types of the package, of the CDK and of Node are checked as well. */
const COMPILER_OPTIONS = {
  target: 'es2022',
  module: 'nodenext',
  strict: true,
  skipLibCheck: false,
  types: ['node'],
  typeRoots: [join(ROOT, 'node_modules/@types')],
  outDir: 'out',
};
