/** `npm run test:e2e`: the tests that need programs of the machine besides Node. */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const PROGRAMS: Readonly<Record<string, string>> = {
  moto_server: 'the AWS emulator (moto 5)',
  aws: 'the AWS CLI',
  'docker-registry': "Debian's docker-registry",
  htpasswd: "Debian's apache2-utils",
};

const missing = Object.keys(PROGRAMS).filter(
  (name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0,
);
if (missing.length > 0) {
  const list = missing.map((name) => `${name} (${PROGRAMS[name]})`).join(', ');
  process.stderr.write(`The end-to-end tests need ${list}: not installed here, so they were not run.\n`);
  process.exitCode = process.env.CI === 'true' ? 1 : 0;
} else {
  const jest = join(__dirname, '../../node_modules/jest/bin/jest.js');
  const config = join(__dirname, 'jest.config.json');
  const args = [jest, '--config', config, '--runInBand', ...process.argv.slice(2)];
  process.exitCode = spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1;
}
