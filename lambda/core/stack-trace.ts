import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';

/** A place in the bundle, as a stack frame names it. */
const BUNDLED_PLACE = /(?:file:\/\/)?[^\s()]*\/index\.mjs:(\d+):(\d+)/;

/**
 * Makes this process's stack traces name the sources rather than the bundle.
 *
 * Node's `--enable-source-maps` does the same, but reads the map at every start; here it is read when the first
 * trace is asked for, so that only a failure pays (docs/decisions/0006).
 *
 * @param mapFile - the bundle's source map; where it cannot be read, traces name the bundle
 */
export function nameSourcesInStackTraces(mapFile: URL): void {
  let map: SourceMap | undefined;
  Error.prepareStackTrace = (error, frames) => {
    map ??= readMap(mapFile);
    return [String(error), ...frames.map((frame) => `    at ${inSources(String(frame), map)}`)].join('\n');
  };
}

function readMap(file: URL): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}

function inSources(frame: string, map: SourceMap | undefined): string {
  return frame.replace(BUNDLED_PLACE, (place, line: string, column: string) => {
    const entry = map?.findEntry(Number(line) - 1, Number(column) - 1);
    return entry && 'originalSource' in entry
      ? `${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
      : place;
  });
}
