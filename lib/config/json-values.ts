/** A JSON object whose values have not been checked. */
export type Entry = Readonly<Record<string, unknown>>;

/** Keys and indexes from the root of a configuration to a value. */
export type Path = readonly PropertyKey[];

/** Returns whether a value is an object and not a list. */
export function isEntry(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns the value if it is an object, otherwise an empty object. */
export function entry(value: unknown): Entry {
  return isEntry(value) ? value : {};
}

/** Returns the value if it is a list, otherwise an empty list. */
export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Returns the value if it is a text, otherwise undefined. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
