/** A synthesised CloudFormation template, as `cdk synth` writes it. */
export interface CloudFormationTemplate {
  readonly Resources?: Readonly<Record<string, unknown>>;
}

/** The template uses something that the simulation does not model. */
export class NotUnderstoodError extends Error {
  override readonly name = 'NotUnderstoodError';

  /** @param where - logical id and property, such as `Alarm.Metrics` */
  constructor(where: string, why: string) {
    super(`${where}: the simulation does not model this: ${why}`);
  }
}

/** Returns whether a value is a JSON object. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns the logical id in a `Ref` or `Fn::GetAtt`; undefined when the value is neither. */
export function logicalId(value: unknown): string | undefined {
  if (!isObject(value)) return undefined;
  if (typeof value.Ref === 'string') return value.Ref;
  const attribute = value['Fn::GetAtt'];
  const [id] = Array.isArray(attribute) ? attribute : String(attribute ?? '').split('.');
  return typeof id === 'string' && id !== '' ? id : undefined;
}

/** Reads the properties of one object of a template. Error messages say where it is. */
export class Properties {
  readonly where: string;
  readonly values: Readonly<Record<string, unknown>>;

  constructor(where: string, values: Readonly<Record<string, unknown>>) {
    this.where = where;
    this.values = values;
  }

  /** Returns whether the property is present. */
  has(key: string): boolean {
    return this.values[key] !== undefined;
  }

  /** Reads a number. @throws NotUnderstoodError when it is not a number, or absent without a default */
  number(key: string, fallback?: number): number {
    const value = this.values[key] ?? fallback;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    return this.fail(key, `expected a number, found ${JSON.stringify(value)}`);
  }

  /** Reads a string. @throws NotUnderstoodError when it is not a string, or absent without a default */
  string(key: string, fallback?: string): string {
    const value = this.values[key] ?? fallback;
    return typeof value === 'string'
      ? value
      : this.fail(key, `expected a string, found ${JSON.stringify(value)}`);
  }

  /** Reads a boolean. @throws NotUnderstoodError when it is not a boolean */
  boolean(key: string, fallback: boolean): boolean {
    const value = this.values[key] ?? fallback;
    return typeof value === 'boolean' ? value : this.fail(key, 'expected true or false');
  }

  /** Reads a nested object; empty when absent. */
  object(key: string): Properties {
    const value = this.values[key] ?? {};
    return isObject(value)
      ? new Properties(`${this.where}.${key}`, value)
      : this.fail(key, 'expected an object');
  }

  /** Reads a list; empty when absent. */
  list(key: string): readonly unknown[] {
    const value = this.values[key] ?? [];
    return Array.isArray(value) ? value : this.fail(key, 'expected a list');
  }

  /** Reads a list of objects; empty when absent. */
  objects(key: string): readonly Properties[] {
    return this.list(key).map((value, index) =>
      isObject(value)
        ? new Properties(`${this.where}.${key}[${index}]`, value)
        : this.fail(key, 'expected objects'),
    );
  }

  /** Reads the logical id that a property refers to. @throws NotUnderstoodError when it is not a reference */
  reference(key: string): string {
    return (
      logicalId(this.values[key]) ??
      this.fail(
        key,
        `expected a reference to a resource of this template, found ${JSON.stringify(this.values[key])}`,
      )
    );
  }

  /** @throws NotUnderstoodError always, naming the property */
  fail(key: string, why: string): never {
    throw new NotUnderstoodError(`${this.where}.${key}`, why);
  }
}
