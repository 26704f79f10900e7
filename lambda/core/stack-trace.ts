import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';

/** A position in the bundle, as it appears in a stack frame. */
const BUNDLE_POSITION = /(?:file:\/\/)?[^\s()]*\/index\.mjs:(\d+):(\d+)/;

/**
 * Makes the stack traces of this process show positions in the sources instead of the bundle.
 *
 * Node's `--enable-source-maps` does the same, but reads the map at every start. Here the map is read for the first
 * stack trace, so only a failure takes that time (docs/decisions/0006).
 *
 * @param mapFile - the bundle's source map. When it cannot be read, traces show positions in the bundle.
 */
export function nameSourcesInStackTraces(mapFile: URL): void {
  let map: SourceMap | undefined;
  Error.prepareStackTrace = (error, frames) => {
    map ??= readMap(mapFile);
    return [String(error), ...frames.map((frame) => `    at ${toSources(String(frame), map)}`)].join('\n');
  };
}

function readMap(file: URL): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}

function toSources(frame: string, map: SourceMap | undefined): string {
  return frame.replace(BUNDLE_POSITION, (position, line: string, column: string) => {
    const entry = map?.findEntry(Number(line) - 1, Number(column) - 1);
    return entry && 'originalSource' in entry
      ? `${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
      : position;
  });
}
