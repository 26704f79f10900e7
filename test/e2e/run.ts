/**
 * `npm run test:e2e`: the tests that need programs besides Node. Arguments go to jest.
 *
 * Programs in `.venv/bin` come first. The npm packages of this folder are installed when they are missing.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const ROOT = join(__dirname, '../..');

/** The programs that must be there, and what a person calls them. */
const PROGRAMS: Readonly<Record<string, string>> = {
  moto_server: 'the AWS emulator, moto 5',
  aws: 'the AWS CLI',
  'docker-registry': "Debian's docker-registry",
  htpasswd: "Debian's apache2-utils",
  nginx: "Debian's nginx",
  openssl: 'OpenSSL',
};

// nginx stands in /usr/sbin, which is not in the path of every user.
process.env.PATH = [join(ROOT, '.venv/bin'), process.env.PATH, '/usr/sbin'].join(delimiter);
process.exitCode = main();

/** @returns the exit code */
function main(): number {
  const missing = Object.keys(PROGRAMS).filter(
    (name) => run('sh', ['-c', `command -v ${name}`], 'ignore') !== 0,
  );
  if (missing.length > 0) {
    const list = missing.map((name) => `${name} (${PROGRAMS[name]})`).join(', ');
    process.stderr.write(
      `The end-to-end tests did not run: ${list} not found. See "Set-up for the end-to-end test" in CONTRIBUTING.md.\n`,
    );
    return process.env.CI === 'true' ? 1 : 0;
  }
  if (!existsSync(join(__dirname, 'node_modules')) && run('npm', ['ci', '--prefix', __dirname]) !== 0)
    return 1;
  const jest = join(ROOT, 'node_modules/jest/bin/jest.js');
  const config = join(__dirname, 'jest.config.json');
  const directory = mkdtempSync(join(tmpdir(), 'e2e-certificate-'));
  try {
    trustNewCertificate(directory);
    return run(process.execPath, [jest, '--config', config, '--runInBand', ...process.argv.slice(2)]);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * Makes a certificate for 127.0.0.1, and lets the Node processes that are started from here trust it.
 *
 * Node reads `NODE_EXTRA_CA_CERTS` only when it starts, so a test cannot do this for itself.
 */
function trustNewCertificate(directory: string): void {
  const [key, certificate] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')];
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-keyout', key, '-out', certificate, '-days', '2', '-subj', '/CN=127.0.0.1'],
      ...['-addext', 'subjectAltName=IP:127.0.0.1'],
    ],
    { stdio: 'pipe' },
  );
  process.env.NODE_EXTRA_CA_CERTS = certificate;
  process.env.E2E_CERTIFICATE_KEY = key;
}

function run(file: string, args: readonly string[], stdio: 'inherit' | 'ignore' = 'inherit'): number {
  return spawnSync(file, args, { stdio }).status ?? 1;
}
