import { decode, encode } from '@jridgewell/sourcemap-codec';
import { cutSourceMap } from '../../scripts/source-map';

describe('cutSourceMap', () => {
  const map = {
    version: 3,
    sources: ['../lambda/a.ts', '../node_modules/dep/index.js', '../lambda/b.ts', '../../outside.ts'],
    names: ['theirs', 'ours'],
    mappings: encode([
      [[0, 1, 9, 0]],
      [
        [0, 2, 4, 2, 1],
        [10, 1, 7, 0, 0],
        [20, 1, 8, 0],
        [30, 0, 5, 0],
        [40, 3, 1, 0],
      ],
    ]),
  };

  it('keeps the sources of the project, relative to its root, in the order of their first use', () => {
    const cut = cutSourceMap(map, '/project/out', '/project');

    expect(cut.sources).toEqual(['lambda/b.ts', 'lambda/a.ts']);
    expect(cut.names).toEqual(['ours']);
  });

  it('ends a mapping where the code of a dependency begins', () => {
    const cut = cutSourceMap(map, '/project/out', '/project');

    expect(decode(cut.mappings)).toEqual([[], [[0, 0, 4, 2, 0], [10], [30, 1, 5, 0], [40]]]);
  });
});
