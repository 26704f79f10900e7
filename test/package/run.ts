/** `npm run test:package`: the tests of what `npm publish` would publish. Arguments go to jest. */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { PYTHON, ROOT } from './run-program';

process.exitCode = main();

/** @returns the exit code */
function main(): number {
  const hasPython = spawnSync(PYTHON, ['-c', 'import ensurepip, venv'], { stdio: 'ignore' }).status === 0;
  if (!hasPython) {
    process.stderr.write(
      `The tests of the Python package did not run: ${PYTHON} with venv not found. On Debian, install python3-venv.\n`,
    );
    if (process.env.CI === 'true') return 1;
  }
  const jest = [join(ROOT, 'node_modules/jest/bin/jest.js'), '--config', join(__dirname, 'jest.config.json')];
  const without = hasPython ? [] : ['--testPathIgnorePatterns', 'python.package'];
  const args = [...jest, ...without, ...process.argv.slice(2)];
  return spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1;
}
