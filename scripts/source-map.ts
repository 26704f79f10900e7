import { relative, resolve, sep } from 'node:path';
import { decode, encode, type SourceMapSegment } from '@jridgewell/sourcemap-codec';

/** The fields of a source map of version 3 that esbuild writes. */
export interface SourceMap {
  readonly version: number;
  readonly sources: readonly string[];
  readonly names: readonly string[];
  readonly mappings: string;
}

/**
 * Returns a source map without the mappings of dependencies, and with paths relative to the project's root.
 *
 * Dependencies make up nine tenths of the map, and the runtime parses all of it for the first stack trace.
 *
 * @param directory - folder of the map, to which its `sources` are relative
 * @param root - the project's root
 */
export function cutSourceMap(map: SourceMap, directory: string, root: string): SourceMap {
  const paths = map.sources.map((source) => relative(root, resolve(directory, source)).split(sep).join('/'));
  const isOwn = (source: number) => !/(^|\/)node_modules\/|^\.\.\//.test(paths[source] ?? '../');
  const sources = new Renumbering(paths);
  const names = new Renumbering(map.names);
  const lines = decode(map.mappings).map((line) => cutLine(line, isOwn, sources, names));
  return { version: map.version, sources: sources.kept, names: names.kept, mappings: encode(lines) };
}

function cutLine(
  line: readonly SourceMapSegment[],
  isOwn: (source: number) => boolean,
  sources: Renumbering,
  names: Renumbering,
): SourceMapSegment[] {
  const kept: SourceMapSegment[] = [];
  for (const segment of line) {
    if (segment.length > 1 && isOwn(segment[1] ?? -1)) kept.push(renumber(segment, sources, names));
    else if (needsEnd(kept)) kept.push([segment[0]]);
  }
  return kept;
}

/**
 * Whether the last own mapping needs a segment that ends it. Without that segment, the code of a dependency after it
 * would be mapped to our source, because a minified bundle is one long line.
 */
function needsEnd(kept: readonly SourceMapSegment[]): boolean {
  return (kept.at(-1)?.length ?? 1) > 1;
}

function renumber(segment: SourceMapSegment, sources: Renumbering, names: Renumbering): SourceMapSegment {
  const [column, source = 0, line = 0, sourceColumn = 0, name] = segment;
  const position = [column, sources.indexOf(source), line, sourceColumn] as const;
  return name === undefined ? [...position] : [...position, names.indexOf(name)];
}

/** Collects the used entries of a list and numbers them in the order of their first use. */
class Renumbering {
  readonly kept: string[] = [];
  readonly #all: readonly string[];
  readonly #indexes = new Map<number, number>();

  constructor(all: readonly string[]) {
    this.#all = all;
  }

  indexOf(original: number): number {
    const known = this.#indexes.get(original);
    if (known !== undefined) return known;
    const index = this.kept.push(this.#all[original] ?? '') - 1;
    this.#indexes.set(original, index);
    return index;
  }
}
