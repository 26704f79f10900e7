import { recordLines, tableLines, wrapLine } from '../../cli/layout';

const ESC = String.fromCharCode(27);
const red = (text: string) => `${ESC}[31m${text}${ESC}[39m`;

describe('wrapLine', () => {
  it.each<[string, string, number, string[]]>([
    ['a line that fits', 'one two', 10, ['one two']],
    [
      'prose, between words',
      'one two three four five six seven',
      24,
      ['one two three four five', 'six seven'],
    ],
    [
      'a line with a mark, under its text',
      '✗ one two three four five six seven eight',
      30,
      ['✗ one two three four five six', '  seven eight'],
    ],
    [
      'a line with a label, under its text',
      'Next run    one two three four five six seven eight',
      40,
      ['Next run    one two three four five six', '            seven eight'],
    ],
    [
      'an amount and its unit not at all',
      'the credential is good for 11 h 59 min and more',
      34,
      ['the credential is good for', '11 h 59 min and more'],
    ],
    [
      'a command at the end not at all',
      'To find the fix: npx runpod-ecr doctor --config refresher.config.json',
      40,
      ['To find the fix:', 'npx runpod-ecr doctor --config refresher.config.json'],
    ],
    [
      'a command behind a mark not at all',
      '  → npx runpod-ecr doctor --config refresher.config.json',
      30,
      ['  → npx runpod-ecr doctor --config refresher.config.json'],
    ],
    ['a long word not at all', `a ${'x'.repeat(40)} b`, 30, ['a', 'x'.repeat(40), 'b']],
    [
      'wide characters by their width',
      '漢字漢字漢字漢字 漢字漢字漢字漢字',
      24,
      ['漢字漢字漢字漢字', '漢字漢字漢字漢字'],
    ],
    [
      'a coloured text without counting the colour',
      red('one two three four five'),
      24,
      [red('one two three four five')],
    ],
  ])('divides %s', (_, line, columns, lines) => {
    expect(wrapLine(line, columns)).toEqual(lines);
  });

  it('keeps prose to 100 columns in a wider terminal', () => {
    const lines = wrapLine('word '.repeat(60).trim(), 200);

    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(lines).toHaveLength(3);
  });
});

describe('tableLines', () => {
  const HEADINGS = ['Name', 'Registry auth', 'Last success'];
  const ROWS = [['prod', 'ecr-prod', red('none in 12 h')]];

  it('puts columns side by side where they fit', () => {
    expect(tableLines(HEADINGS, ROWS, 80)).toEqual([
      'Name  Registry auth  Last success',
      `prod  ecr-prod       ${red('none in 12 h')}`,
    ]);
  });

  it('wraps cells between words, each with its own colour', () => {
    expect(tableLines(HEADINGS, ROWS, 26)).toEqual([
      'Name  Registry   Last',
      '      auth       success',
      `prod  ecr-prod   ${red('none in')}`,
      `                 ${red('12 h')}`,
    ]);
  });

  it('becomes a list where the longest words do not fit', () => {
    expect(tableLines(HEADINGS, ROWS, 20)).toEqual(recordLines(HEADINGS, ROWS, 20));
  });
});

describe('recordLines', () => {
  it('lists headings with values, without empty ones, and an empty line between rows', () => {
    expect(
      recordLines(
        ['Name', 'Route'],
        [
          ['a', 'rest-v2'],
          ['b', ''],
        ],
      ),
    ).toEqual(['Name: a', 'Route: rest-v2', '', 'Name: b']);
  });
});
