import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const PAGE = join(__dirname, '../../docs/guide/build-the-image.md');

describe('docs/guide/build-the-image.md', () => {
  it('has a handler that Python compiles', () => {
    const handlers = [...readFileSync(PAGE, 'utf8').matchAll(/^```python\n([\s\S]*?)^```$/gm)];

    expect(handlers).toHaveLength(1);
    for (const [, code = ''] of handlers) {
      const compile = 'import sys; compile(sys.stdin.read(), "handler.py", "exec")';
      expect(() => execFileSync('python3', ['-c', compile], { input: code, stdio: 'pipe' })).not.toThrow();
    }
  });
});
