import { inspect } from 'node:util';
import { ConfigError } from '../../../lib/config/mistakes';

describe('ConfigError', () => {
  it('is printed by Node as one line, without a stack trace and without its fields', () => {
    const error = new ConfigError('There is no file.', 'Write one.');

    expect(inspect(error)).toBe('[ConfigError: There is no file. Write one.]');
  });
});
