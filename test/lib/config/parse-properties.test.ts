import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { ConfigError } from '../../../lib/config/mistakes';
import { parseConfig } from '../../../lib/config/parse';
import { findLeaks } from '../../support/find-leaks';

const EXAMPLE = JSON.parse(readFileSync(join(__dirname, '../../../refresher.config.example.json'), 'utf8'));

type Step = string | number;

/** Returns the path of every value within a value, the empty path of the whole included. */
function pathsIn(value: unknown, path: readonly Step[] = []): (readonly Step[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  const children = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [path, ...children.flatMap(([step, child]) => pathsIn(child, [...path, step]))];
}

/** Returns a copy with another value at a path. */
function withValueAt(whole: unknown, path: readonly Step[], value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  const copy = structuredClone(whole) as Record<Step, unknown>;
  copy[step] = withValueAt(copy[step], rest, value);
  return copy;
}

/** Returns the message of the ConfigError for a text, or undefined when the text is valid. Other errors are thrown. */
function mistakesIn(text: string): string | undefined {
  try {
    parseConfig(text, 'test.json');
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}

const anyPath = fc.constantFrom(...pathsIn(EXAMPLE));
const anyKey = fc.stringMatching(/^rpa_[A-Z0-9]{44}$/);

describe('parseConfig', () => {
  it('parses any text, or throws one ConfigError', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(mistakesIn(text)).toMatch(/^test\.json /);
      }),
      { numRuns: 300 },
    );
  });

  it('parses the example with any value at any path, or throws one ConfigError', () => {
    fc.assert(
      fc.property(anyPath, fc.jsonValue(), (path, value) => {
        const message = mistakesIn(JSON.stringify(withValueAt(EXAMPLE, path, value)));

        expect(message ?? 'test.json ').toMatch(/^test\.json /);
        expect((message ?? '').split('\n').length).toBeLessThan(25);
      }),
      { numRuns: 500 },
    );
  });

  it('never prints an API key, wherever it was pasted', () => {
    fc.assert(
      fc.property(
        anyPath,
        anyKey,
        fc.constantFrom('', 'Bearer ', 'https://x.example/'),
        (path, key, before) => {
          const message = mistakesIn(JSON.stringify(withValueAt(EXAMPLE, path, `${before}${key}`)));

          expect(findLeaks(message ?? '', { key })).toEqual([]);
        },
      ),
      { numRuns: 500 },
    );
  });
});
