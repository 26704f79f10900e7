import { ConfigError } from '../../../lib/config/mistakes';
import { parseConfig } from '../../../lib/config/parse';
import type { Json } from './builder';

/** Returns the mistakes in a configuration: the lines of the message between its first and its last. */
export function mistakesIn(input: Json): string[] {
  try {
    parseConfig(JSON.stringify(input), 'test.json');
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message
      .split('\n')
      .slice(1, -1)
      .map((line) => line.trim());
  }
}
