import * as z from 'zod';
import { parseJson } from './json-text';
import { describeFound, type Mistake, mistakesError, type Wording } from './mistakes';
import { nearest } from './nearest';
import { brokenRules } from './rules';
import { configSchema, type RefresherConfig } from './schema';

type UnknownKeysIssue = Extract<z.core.$ZodIssue, { code: 'unrecognized_keys' }>;

/**
 * Parses the text of a configuration file and fills in the defaults.
 *
 * @param file - name of the file in messages
 * @throws ConfigError that names every mistake: its path, what was expected, and what was found
 */
export function parseConfig(text: string, file: string): RefresherConfig {
  return checkConfig(parseJson(text, file), file);
}

/**
 * Checks a configuration from a file or from code, and fills in the defaults. A checked configuration passes unchanged.
 *
 * @param input - parsed JSON of any shape
 * @param subject - name of the configuration in messages
 * @param wording - for messages about something other than a file
 * @throws ConfigError that names every mistake: its path, what was expected, and what was found
 */
export function checkConfig(input: unknown, subject: string, wording?: Wording): RefresherConfig {
  const result = configSchema.safeParse(input);
  // Rules come first, because their messages are more specific.
  const mistakes = [
    ...brokenRules(input),
    ...(result.error?.issues ?? []).flatMap((issue) => mistakesOf(issue, input)),
  ];
  if (!result.success || mistakes.length > 0) throw mistakesError(subject, mistakes, wording);
  return result.data;
}

function mistakesOf(issue: z.core.$ZodIssue, input: unknown): Mistake[] {
  if (issue.code === 'unrecognized_keys') {
    return unknownKeyMistakes(issue, knownKeysAt(configSchema, issue.path, input));
  }
  const { path, message } = issue;
  return [{ path, expected: message, found: describeFound(valueAt(input, path), path) }];
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, step) => (typeof value === 'object' && value !== null ? Reflect.get(value, step) : undefined),
    input,
  );
}

/** Returns one mistake for each unknown key. Its value is not shown, because it may be a secret. */
function unknownKeyMistakes(issue: UnknownKeysIssue, knownKeys: readonly string[]): Mistake[] {
  return issue.keys.map((key) => {
    const meant = nearest(key, knownKeys);
    const expected = meant ? `a known key, perhaps "${meant}"` : `one of the keys ${knownKeys.join(', ')}`;
    return { path: [...issue.path, key], expected, found: 'an unknown key' };
  });
}

/** Returns the keys of the object that the schema has at this path. In a union, `type` selects the option. */
function knownKeysAt(schema: unknown, path: readonly PropertyKey[], input: unknown): readonly string[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return knownKeysAt(schema.unwrap(), path, input);
  }
  if (schema instanceof z.ZodDiscriminatedUnion) {
    const selected = schema.options.find((option) => hasType(option, valueAt(input, ['type'])));
    return knownKeysAt(selected, path, input);
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
