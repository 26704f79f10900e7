import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '..');

/** Licences that ask for no more than a notice. Copyleft (GPL, AGPL, LGPL, MPL) is not among them. */
const PERMISSIVE = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
]);

/** Packages with another licence, and why each may stay. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  // Data that jest reads through babel. Nothing of it is in what we deploy or publish.
  'caniuse-lite': 'CC-BY-4.0',
};

interface LockFile {
  readonly packages: Readonly<Record<string, { readonly license?: string; readonly resolved?: string }>>;
}

const LOCK_FILES = ['package-lock.json', 'test/e2e/package-lock.json'];

describe('the packages of package-lock.json', () => {
  const packages = Object.entries(readLockFile('package-lock.json').packages).filter(([path]) => path !== '');

  it('have permissive licences', () => {
    const refused = packages
      .filter(([path, { license }]) => !isPermissive(license) && EXCEPTIONS[nameOf(path)] !== license)
      .map(([path, { license = 'no licence' }]) => `${nameOf(path)}: ${license}`);

    expect(refused).toEqual([]);
  });

  it('have the same licences where they are installed', () => {
    const different = packages.flatMap(([path, { license }]) => {
      const installed = installedLicence(path);
      return installed === undefined || installed === license ? [] : [`${path}: ${installed}`];
    });

    expect(different).toEqual([]);
  });

  it('need every exception', () => {
    const names = new Set(packages.map(([path]) => nameOf(path)));

    expect(Object.keys(EXCEPTIONS).filter((name) => !names.has(name))).toEqual([]);
  });
});

describe('isPermissive', () => {
  it.each([
    ['MIT', true],
    ['Apache-2.0 AND MIT', true],
    ['(MIT OR GPL-3.0-or-later)', true],
    ['AGPL-3.0-or-later', false],
    ['LGPL-2.1-only', false],
    ['MPL-2.0', false],
    ['MIT AND GPL-2.0-only', false],
    ['SEE LICENSE IN LICENSE.txt', false],
    ['UNLICENSED', false],
    ['', false],
    [undefined, false],
  ])('of %j is %j', (licence, expected) => {
    expect(isPermissive(licence)).toBe(expected);
  });
});

describe.each(LOCK_FILES)('%s', (file) => {
  it('names no registry, so that everybody can use their own', () => {
    const resolved = Object.entries(readLockFile(file).packages).filter(([, entry]) => 'resolved' in entry);

    expect(resolved).toEqual([]);
  });
});

/** Whether an SPDX expression allows a permissive choice. `AND` binds more than `OR`; deeper nesting is refused. */
function isPermissive(expression = ''): boolean {
  const plain = expression.replace(/^\((.*)\)$/, '$1');
  return plain.split(' OR ').some((choice) => choice.split(' AND ').every((part) => PERMISSIVE.has(part)));
}

function nameOf(path: string): string {
  return path.split('node_modules/').at(-1) ?? path;
}

/** The licence in the package itself; undefined where it is not installed or does not say. */
function installedLicence(path: string): string | undefined {
  const file = join(ROOT, path, 'package.json');
  if (!existsSync(file)) return undefined;
  const { license }: { license?: unknown } = JSON.parse(readFileSync(file, 'utf8'));
  return typeof license === 'string' ? license : undefined;
}

function readLockFile(file: string): LockFile {
  return JSON.parse(readFileSync(join(ROOT, file), 'utf8'));
}
