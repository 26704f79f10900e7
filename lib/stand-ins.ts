import { Token } from 'aws-cdk-lib';
import { partitionOf } from './config/aws-regions';
import { isEntry, type Path } from './config/json-values';
import type { RefresherConfig } from './config/schema';
import { isKnownLater, mapKnownLater } from './tokens';

/**
 * Puts valid texts in the place of what is not known yet, and the originals back into the checked result. So the rules
 * of the configuration file can check properties with tokens.
 */
export class StandIns {
  readonly #stackRegion: string;
  readonly #numbers = new Map<string, number>();
  readonly #originals: { readonly path: Path; readonly text: string }[] = [];

  /** @param stackRegion - stands in for regions; a token when it is not known */
  constructor(stackRegion: string) {
    this.#stackRegion = Token.isUnresolved(stackRegion) ? 'us-east-1' : stackRegion;
  }

  /** Returns a copy of the value in which a stand-in has the place of each text that is not known yet. */
  replaceIn(value: unknown, path: Path = []): unknown {
    if (typeof value === 'string' && isKnownLater(value)) return this.#standIn(value, path);
    if (Array.isArray(value)) return value.map((item, index) => this.replaceIn(item, [...path, index]));
    if (!isEntry(value)) return value;
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, item]) => item !== undefined)
        .map(([key, item]) => [key, this.replaceIn(item, [...path, key])]),
    );
  }

  /** Puts the originals into a configuration that was made of the copy. @returns the same object */
  putBack(config: RefresherConfig): RefresherConfig {
    for (const { path, text } of this.#originals) {
      const parent = path
        .slice(0, -1)
        .reduce<unknown>((value, step) => Reflect.get(Object(value), step), config);
      Reflect.set(Object(parent), path.at(-1) ?? '', text);
    }
    return config;
  }

  #standIn(text: string, path: Path): string {
    const replaced = this.#textFor(text, String(path.findLast((step) => typeof step === 'string')));
    if (replaced !== text) this.#originals.push({ path, text });
    return replaced;
  }

  /** The same text gets the same stand-in, so that duplicates are found. */
  #textFor(text: string, key: string): string {
    const name = `token-${this.#numberOf(text)}`;
    switch (key) {
      case 'runpodApiKeySecretName':
      case 'credentialSecretName':
      case 'registryAuthId':
      case 'registryAuthName':
      case 'externalId':
        return name;
      case 'region':
        return this.#stackRegion;
      case 'roleArn':
        return `arn:${partitionOf(this.#stackRegion)}:iam::123456789012:role/${name}`;
      case 'repositories':
      case 'verifyImage':
        return mapKnownLater(text, (part) => `token-${this.#numberOf(part)}`);
      default:
        return /url$/i.test(key) ? `https://${name}.invalid` : text;
    }
  }

  #numberOf(text: string): number {
    const number = this.#numbers.get(text) ?? this.#numbers.size + 1;
    this.#numbers.set(text, number);
    return number;
  }
}
