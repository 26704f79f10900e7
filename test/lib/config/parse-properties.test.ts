import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { ConfigError } from '../../../lib/config/mistakes';
import { parseConfig } from '../../../lib/config/parse';
import { findLeaks } from '../../support/find-leaks';

const EXAMPLE = JSON.parse(readFileSync(join(__dirname, '../../../refresher.config.example.json'), 'utf8'));

type Step = string | number;

/** Every place of a value, its own included. */
function placesIn(value: unknown, path: readonly Step[] = []): (readonly Step[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  const children = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [path, ...children.flatMap(([step, child]) => placesIn(child, [...path, step]))];
}

/** A copy with another value at a place. */
function withValueAt(whole: unknown, path: readonly Step[], value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  const copy = structuredClone(whole) as Record<Step, unknown>;
  copy[step] = withValueAt(copy[step], rest, value);
  return copy;
}

/** What is wrong with a text; undefined when nothing is. Any other error than the one for a person is thrown on. */
function mistakesIn(text: string): string | undefined {
  try {
    parseConfig(text, 'test.json');
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}

const anyPlace = fc.constantFrom(...placesIn(EXAMPLE));
const anyKey = fc.stringMatching(/^rpa_[A-Z0-9]{44}$/);

describe('parseConfig', () => {
  it('answers any text with a configuration or with one message for a person', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(mistakesIn(text)).toMatch(/^test\.json /);
      }),
      { numRuns: 300 },
    );
  });

  it('answers any value at any place of the example with a configuration or with one message', () => {
    fc.assert(
      fc.property(anyPlace, fc.jsonValue(), (place, value) => {
        const message = mistakesIn(JSON.stringify(withValueAt(EXAMPLE, place, value)));

        expect(message ?? 'test.json ').toMatch(/^test\.json /);
        expect((message ?? '').split('\n').length).toBeLessThan(25);
      }),
      { numRuns: 500 },
    );
  });

  it('quotes no key, wherever one was pasted', () => {
    fc.assert(
      fc.property(
        anyPlace,
        anyKey,
        fc.constantFrom('', 'Bearer ', 'https://x.example/'),
        (place, key, before) => {
          const message = mistakesIn(JSON.stringify(withValueAt(EXAMPLE, place, `${before}${key}`)));

          expect(findLeaks(message ?? '', { key })).toEqual([]);
        },
      ),
      { numRuns: 500 },
    );
  });
});
