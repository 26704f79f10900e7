import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { CloudFormationTemplate } from '../../lib/synthesise';
import { drawArchitecture } from '../../scripts/pictures/architecture/draw';
import { LEFT_OUT, readFacts } from '../../scripts/pictures/architecture/facts';
import { type Layout, NARROW, type Rectangle, WIDE } from '../../scripts/pictures/architecture/layouts';
import { lifeLeft, type Scenario } from '../../scripts/pictures/plot/scenario';
import { firstDifference } from '../../scripts/pictures/terminal/record';
import { screenOf, textOf, toBytes } from '../../scripts/pictures/terminal/screen';
import { built } from '../support/built-once';

const ROOT = join(__dirname, '../..');
const PAGES = ['README.md', ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)].filter((name) =>
  name.endsWith('.md'),
);
const LAYOUTS = [WIDE, NARROW];
const ESCAPE = String.fromCharCode(27);

/** The example's template, with these resources added. */
function template(added: CloudFormationTemplate['Resources'] = {}): CloudFormationTemplate {
  const text = readFileSync(join(built('assembly'), 'EcrCredentialRefresher.template.json'), 'utf8');
  const parsed: CloudFormationTemplate = JSON.parse(text);
  return { ...parsed, Resources: { ...parsed.Resources, ...added } };
}

describe('npm run pictures', () => {
  it('would change nothing: no picture is stale', async () => {
    const { output, exitCode } = await runCheck();

    expect(output).toBe('');
    expect(exitCode).toBe(0);
  }, 120_000);
});

describe('readFacts', () => {
  it('refuses a resource that the picture neither shows nor leaves out', () => {
    const bucket = { Type: 'AWS::S3::Bucket', Properties: {} };

    expect(() => readFacts(template({ Store: bucket }))).toThrow(
      /^Store \(AWS::S3::Bucket\) is not in the picture/,
    );
  });

  it.each(LEFT_OUT)('leaves out %s %s, which the template has: %s', (type, idPrefix) => {
    const found = Object.entries(template().Resources).filter(
      ([id, { Type }]) => Type === type && id.startsWith(idPrefix),
    );

    expect(found).not.toEqual([]);
  });

  it('reads the numbers that the picture shows', () => {
    expect(readFacts(template())).toMatchObject({
      refreshEveryHours: 6,
      watchEveryMinutes: 60,
      retryEveryMinutes: 15,
      deadLettersKeptDays: 14,
      pagingAlarms: expect.any(Number),
      emails: ['oncall@example.com'],
    });
  });

  it('knows the queues that an alarm watches', () => {
    expect([...readFacts(template()).alarmed]).toEqual(
      expect.arrayContaining(['dead-letters', 'undelivered']),
    );
  });
});

describe('drawArchitecture', () => {
  it.each(LAYOUTS)('refuses a connection without an arrow: $name', (layout) => {
    const facts = readFacts(template());
    const edges = new Set([...facts.edges, 'watch -> retries' as const]);

    expect(() => drawArchitecture({ ...facts, edges }, layout, 'light')).toThrow('watch -> retries');
  });

  it.each(LAYOUTS)('refuses an arrow without a connection: $name', (layout) => {
    const facts = readFacts(template());
    const edges = new Set([...facts.edges].filter((edge) => edge !== 'retries -> dead-letters'));

    expect(() => drawArchitecture({ ...facts, edges }, layout, 'light')).toThrow('retries -> dead-letters');
  });

  it.each(LAYOUTS)('has boxes that do not overlap: $name', (layout) => {
    expect(overlapsIn(layout)).toEqual([]);
  });

  it.each(LAYOUTS)('has arrows that begin and end at their boxes: $name', (layout) => {
    expect(looseEndsIn(layout)).toEqual([]);
  });
});

describe('a recorded screen', () => {
  it('is the same after it was written and read', async () => {
    const bytes = `a spinner\r${ESCAPE}[2K${ESCAPE}[31m✗ ${ESCAPE}[1mName${ESCAPE}[22m refused${ESCAPE}[39m\r\n\r\n  ${ESCAPE}[2mdim${ESCAPE}[22m`;

    const screen = await screenOf(bytes);

    expect(textOf(screen)).toEqual(['✗ Name refused', '', '  dim']);
    expect(await screenOf(toBytes(screen))).toEqual(screen);
  });
});

describe('firstDifference', () => {
  const recorded = async (bytes: string) => ({ bytes, rows: await screenOf(bytes) });

  it.each([
    [
      'times',
      '  0.66 s  good until 2026-11-22 01:02 UTC, 9 ms',
      ' 12.10 s  good until 2027-01-01 23:59 UTC, 1301 ms',
      true,
    ],
    ['the port', '127.0.0.1:1234/image', '127.0.0.1:56789/image', true],
    [
      'the version of Node.js',
      '✓ Node.js  20.20.2, which\r\n  is old\r\n✓ Secret',
      '✓ Node.js  24.1.0\r\n✓ Secret',
      true,
    ],
    ['a word', '  0.66 s  refreshed', '  0.66 s  failed', false],
    ['a line break', 'one two', 'one\r\ntwo', false],
    ['a colour', `${ESCAPE}[31mno`, `${ESCAPE}[32mno`, false],
  ])('compares screens that differ in %s', async (_, one, other, expected) => {
    expect(firstDifference(await recorded(one), await recorded(other)) === undefined).toBe(expected);
  });
});

describe('lifeLeft', () => {
  it('falls to zero and rises with the next write', () => {
    const scenario: Scenario = {
      name: 'a-day',
      title: 'A day',
      fromMs: 100,
      toMs: 140,
      lifeMs: 12,
      writes: [
        { atMs: 100, auth: 'prod', expiresMs: 112 },
        { atMs: 120, auth: 'prod', expiresMs: 132 },
      ],
      runs: [],
      outages: [],
      pages: [],
    };

    expect(lifeLeft(scenario).map(({ atMs, leftMs }) => [atMs, leftMs])).toEqual([
      [100, 12],
      [120, 0],
      [120, 12],
      [140, 0],
    ]);
  });
});

describe('the pages that show pictures', () => {
  const shown = PAGES.flatMap((page) =>
    [...readFileSync(join(ROOT, page), 'utf8').matchAll(/<picture>[\s\S]*?<\/picture>/g)].map(([markup]) => ({
      page,
      files: [...markup.matchAll(/(?:src|srcset)="([^"]+)"/g)].map(([, file = '']) =>
        join(dirname(page), file),
      ),
      alt: / alt="([^"]*)"/.exec(markup)?.[1] ?? '',
    })),
  );

  it('show every picture', () => {
    const files = readdirSync(join(ROOT, 'docs/pictures')).map((name) => `docs/pictures/${name}`);

    expect([...new Set(shown.flatMap((picture) => picture.files))].sort()).toEqual(files.sort());
  });

  it.each(shown)('have each file for both backgrounds: $page $files', ({ files }) => {
    expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
    expect(files.filter((file) => file.endsWith('-light.svg')).length * 2).toBe(files.length);
  });

  it.each(shown)(
    'say in words what is shown, with the numbers of the picture: $page $files',
    ({ files, alt }) => {
      const light = files.findLast((file) => file.endsWith('-light.svg')) ?? '';
      const picture = readFileSync(join(ROOT, light), 'utf8');

      expect(alt.length).toBeGreaterThan(80);
      expect((alt.match(/\d+( h \d+ min)?/g) ?? []).filter((number) => !picture.includes(number))).toEqual(
        [],
      );
    },
  );
});

async function runCheck(): Promise<{ readonly output: string; readonly exitCode: number | null }> {
  const args = [join(ROOT, 'node_modules/tsx/dist/cli.mjs'), 'scripts/pictures/main.ts', '--check'];
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const exitCode = await new Promise<number | null>((resolve, reject) =>
    child.on('error', reject).on('close', resolve),
  );
  return { output, exitCode };
}

function overlapsIn({ boxes }: Layout): string[] {
  const all = Object.entries(boxes);
  return all.flatMap(([name, a], index) =>
    all.slice(index + 1).flatMap(([other, b]) => (overlap(a, b) ? [`${name} and ${other}`] : [])),
  );
}

function overlap([x, y, width, height]: Rectangle, [left, top, w, h]: Rectangle): boolean {
  return x < left + w && left < x + width && y < top + h && top < y + height;
}

function looseEndsIn({ boxes, ways }: Layout): string[] {
  const rectangles: Readonly<Record<string, Rectangle>> = boxes;
  return Object.entries(ways)
    .filter(([arrow, way]) => {
      const [from = '', to = ''] = arrow.split(' -> ');
      const ends = [
        [rectangles[from], way?.points[0]],
        [rectangles[to], way?.points.at(-1)],
      ] as const;
      return ends.some(([box, point]) => !box || !point || !isOnBorder(point, box));
    })
    .map(([arrow]) => arrow);
}

function isOnBorder([px, py]: readonly [number, number], [x, y, width, height]: Rectangle): boolean {
  const isWithin = px >= x && px <= x + width && py >= y && py <= y + height;
  return isWithin && (px === x || px === x + width || py === y || py === y + height);
}
