/** A terminal as the prompts see it. */

import type { Writable } from 'node:stream';

/** Colour and other graphic renditions (ECMA-48, SGR). */
const RENDITION = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');

/** The stream itself, or one that drops colours on their way: the prompts know nothing of NO_COLOR on Node 20. */
export function terminalFor<Stream extends Writable>(stream: Stream, colour: boolean): Stream {
  if (colour) return stream;
  return new Proxy(stream, {
    get(target, property) {
      if (property === 'write') {
        return (text: unknown, ...rest: unknown[]) =>
          Reflect.apply(target.write, target, [
            typeof text === 'string' ? text.replace(RENDITION, '') : text,
            ...rest,
          ]);
      }
      const value: unknown = Reflect.get(target, property);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
