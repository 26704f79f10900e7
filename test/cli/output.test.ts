import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Output } from '../../cli/output';

const ESC = '\u001b';

/** Returns what an output writes to standard output. */
async function written(isTTY: boolean, write: (output: Output) => void): Promise<string> {
  const stdout = Object.assign(new PassThrough(), { isTTY });
  const stderr = new PassThrough();
  write(new Output({ stdout, stderr, json: false, env: { TERM: 'xterm' } }));
  stdout.end();
  return text(stdout);
}

describe('Output', () => {
  it('shows its own colours on a terminal, and removes those of the text', async () => {
    const shown = await written(true, (output) =>
      output.line(`${output.colors.red(`a${ESC}[32mb`)} ${output.colors.bold('c')}${ESC}[7md`),
    );

    expect(shown).toBe(`${ESC}[31mab${ESC}[39m ${ESC}[1mc${ESC}[22md\n`);
  });

  it('shows no colour where the output is no terminal', async () => {
    expect(await written(false, (output) => output.line(output.colors.red('a')))).toBe('a\n');
  });

  it('shows a line, and a cell of a table, without line breaks', async () => {
    const shown = await written(false, (output) => {
      output.line('a\n✓ forged');
      output.table(['Name', 'Image'], [['x\n✓ forged', `y${ESC}[1A`]]);
    });

    expect(shown).toBe('a ✓ forged\nName        Image\nx ✓ forged  y\n');
  });
});
