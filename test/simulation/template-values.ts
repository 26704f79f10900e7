/** Reads values out of a synthesised template, and says where it cannot. */

/** A synthesised CloudFormation template, as `cdk synth` writes it. */
export interface CloudFormationTemplate {
  readonly Resources?: Readonly<Record<string, unknown>>;
}

/** The template says something that the simulation does not model: it stops rather than guess. */
export class NotUnderstoodError extends Error {
  override readonly name = 'NotUnderstoodError';

  /** @param where - logical id and property, such as `Alarm.Metrics` */
  constructor(where: string, why: string) {
    super(`${where}: not understood by the simulation: ${why}`);
  }
}

/** Is this a JSON object? */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The logical id behind `Ref` or `Fn::GetAtt`; undefined when the value is neither. */
export function logicalId(value: unknown): string | undefined {
  if (!isObject(value)) return undefined;
  if (typeof value.Ref === 'string') return value.Ref;
  const attribute = value['Fn::GetAtt'];
  const [id] = Array.isArray(attribute) ? attribute : String(attribute ?? '').split('.');
  return typeof id === 'string' && id !== '' ? id : undefined;
}

/** One object of the template, with its place for error messages. */
export class Properties {
  readonly where: string;
  readonly values: Readonly<Record<string, unknown>>;

  constructor(where: string, values: Readonly<Record<string, unknown>>) {
    this.where = where;
    this.values = values;
  }

  has(key: string): boolean {
    return this.values[key] !== undefined;
  }

  /** @throws NotUnderstoodError when it is neither a number nor absent with a default */
  number(key: string, fallback?: number): number {
    const value = this.values[key] ?? fallback;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    return this.fail(key, `expected a number, found ${JSON.stringify(value)}`);
  }

  /** @throws NotUnderstoodError when it is neither a string nor absent with a default */
  string(key: string, fallback?: string): string {
    const value = this.values[key] ?? fallback;
    return typeof value === 'string'
      ? value
      : this.fail(key, `expected a string, found ${JSON.stringify(value)}`);
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.values[key] ?? fallback;
    return typeof value === 'boolean' ? value : this.fail(key, 'expected true or false');
  }

  /** A nested object; empty when absent. */
  object(key: string): Properties {
    const value = this.values[key] ?? {};
    return isObject(value)
      ? new Properties(`${this.where}.${key}`, value)
      : this.fail(key, 'expected an object');
  }

  /** A list; empty when absent. */
  list(key: string): readonly unknown[] {
    const value = this.values[key] ?? [];
    return Array.isArray(value) ? value : this.fail(key, 'expected a list');
  }

  /** A list of objects; empty when absent. */
  objects(key: string): readonly Properties[] {
    return this.list(key).map((value, index) =>
      isObject(value)
        ? new Properties(`${this.where}.${key}[${index}]`, value)
        : this.fail(key, 'expected objects'),
    );
  }

  /** The logical id that a property refers to. @throws NotUnderstoodError when it is no reference */
  reference(key: string): string {
    return (
      logicalId(this.values[key]) ??
      this.fail(
        key,
        `expected a reference to a resource of this template, found ${JSON.stringify(this.values[key])}`,
      )
    );
  }

  fail(key: string, why: string): never {
    throw new NotUnderstoodError(`${this.where}.${key}`, why);
  }
}
