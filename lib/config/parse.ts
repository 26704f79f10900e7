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
    return unknownKeyMistakes(issue, knownKeysAt(configSchema, issue.path));
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

/** The keys that the schema knows for the object at this path. */
function knownKeysAt(schema: unknown, path: readonly PropertyKey[]): readonly string[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return knownKeysAt(schema.unwrap(), path);
  }
  if (schema instanceof z.ZodDiscriminatedUnion) {
    return schema.options.flatMap((option) => knownKeysAt(option, path));
  }
  const [step, ...rest] = path;
  if (schema instanceof z.ZodArray) return knownKeysAt(schema.element, rest);
  if (!(schema instanceof z.ZodObject)) return [];
  return step === undefined ? Object.keys(schema.shape) : knownKeysAt(schema.shape[String(step)], rest);
}
