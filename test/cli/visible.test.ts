import { visibleJson, visibleLine, visibleName } from '../../cli/visible';

const ESC = '\u001b';

describe('visibleLine', () => {
  it.each([
    ['an escape sequence that erases the line', `a${ESC}[2K${ESC}[1Gb`, 'ab'],
    ['a colour', `${ESC}[32mgreen${ESC}[0m`, 'green'],
    ['a hyperlink', `${ESC}]8;;https://example.com${ESC}\\link${ESC}]8;;${ESC}\\`, 'link'],
    ['a title of the window', `x${ESC}]0;title\u0007y`, 'xy'],
    ['a sequence of C1', 'x\u009b31mz', 'xz'],
    ['an escape sequence without an end', `x${ESC}`, 'x'],
    ['control characters', 'a\u0000\b\u007f\u0080b', 'ab'],
    ['line breaks of every kind', 'a\r\nb\u2028c\u2029d\u0085e\vf', 'a b c d e f'],
    ['a tab', 'a\tb', 'a b'],
    ['marks and overrides of the direction', 'a\u202e\u2066\u2069\u200e\u200f\u061cb', 'ab'],
    ['characters without a width', 'a\u200b\ufeff\u{e0041}b', 'ab'],
    ['half of a pair of surrogates', 'a\ud83db', 'ab'],
  ])('removes or replaces %s', (_, text, expected) => {
    expect(visibleLine(text)).toBe(expected);
  });

  it('keeps letters of every language, and spaces that align a column', () => {
    expect(visibleLine('Größe   画像 ✓ 🙂')).toBe('Größe   画像 ✓ 🙂');
  });

  it('cuts a long line, also one of escape sequences only', () => {
    expect(visibleLine('x'.repeat(1_000_000))).toHaveLength(4_000);
    expect(visibleLine(`${ESC}[1m`.repeat(1_000_000))).toBe('');
  });
});

describe('visibleName', () => {
  it('replaces several spaces, which could fill the row of a terminal, with one', () => {
    expect(visibleName(`a${' '.repeat(80)}✓ Secret`)).toBe('a ✓ Secret');
    expect(visibleName('x'.repeat(300))).toHaveLength(100);
  });
});

describe('visibleJson', () => {
  it('escapes every control character without changing the value', () => {
    const value = { name: `a${ESC}[2K\u009b1m\u202e\u2028\u007f\u{e0041}\nb` };

    const text = visibleJson(value);

    expect(JSON.parse(text)).toEqual(value);
    expect(text).toBe('{\n  "name": "a\\u001b[2K\\u009b1m\\u202e\\u2028\\u007f\\udb40\\udc41\\nb"\n}');
  });
});
