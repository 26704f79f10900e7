/** Text in, configuration out, or one error that names every mistake. */

import { z } from 'zod';
import { parseJson } from './json-text';
import { describeFound, type Mistake, mistakesError, pathText } from './mistakes';
import { brokenRules } from './rules';
import { configSchema, type RefresherConfig } from './schema';
import { unknownKeyMistakes } from './unknown-keys';

/**
 * Parses the text of a configuration file and fills in the defaults.
 *
 * @param file - what to call the file in messages
 * @throws ConfigError that names every mistake: where, what was expected, what was found
 */
export function parseConfig(text: string, file: string): RefresherConfig {
  const input = parseJson(text, file);
  const result = configSchema.safeParse(input);
  const mistakes = onePerPath([
    ...brokenRules(input),
    ...(result.error?.issues ?? []).flatMap((issue) => describeIssue(issue, input)),
  ]);
  if (!result.success || mistakes.length > 0) throw mistakesError(file, mistakes);
  return result.data;
}

function describeIssue(issue: z.core.$ZodIssue, input: unknown): Mistake[] {
  if (issue.code === 'unrecognized_keys')
    return unknownKeyMistakes(issue, knownKeysAt(configSchema, issue.path, input));
  const { path, message } = issue;
  return [{ path, expected: message, found: describeFound(valueAt(input, path), path) }];
}

/** The first mistake at a path is the telling one: a pasted key, say, rather than the grammar it also breaks. */
function onePerPath(mistakes: readonly Mistake[]): Mistake[] {
  const first = new Map<string, Mistake>();
  for (const mistake of mistakes) {
    const key = pathText(mistake.path);
    if (!first.has(key)) first.set(key, mistake);
  }
  return [...first.values()];
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, step) => (typeof value === 'object' && value !== null ? Reflect.get(value, step) : undefined),
    input,
  );
}

/** The keys that the schema knows for the object at this path; of a union's options, those of the one that is meant. */
function knownKeysAt(schema: unknown, path: readonly PropertyKey[], input: unknown): readonly string[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return knownKeysAt(schema.unwrap(), path, input);
  }
  if (schema instanceof z.ZodDiscriminatedUnion) {
    const meant = schema.options.find((option) => hasType(option, valueAt(input, ['type'])));
    return knownKeysAt(meant, path, input);
  }
  const [step, ...rest] = path;
  const value = step === undefined ? undefined : valueAt(input, [step]);
  if (schema instanceof z.ZodArray) return knownKeysAt(schema.element, rest, value);
  if (!(schema instanceof z.ZodObject)) return [];
  return step === undefined
    ? Object.keys(schema.shape)
    : knownKeysAt(schema.shape[String(step)], rest, value);
}

function hasType(option: unknown, type: unknown): boolean {
  const literal = option instanceof z.ZodObject ? option.shape.type : undefined;
  return literal instanceof z.ZodLiteral && literal.value === type;
}
