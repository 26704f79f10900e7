import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { registry } from '../../lib/config/registries';
import { config, type Json } from '../lib/config/builder';

const GUIDE = join(__dirname, '../../docs/guide');
const MAX_LINES = 200;

/** jest brings this parser, without types. */
const { load } = jest.requireActual<{ load(text: string): unknown }>('js-yaml');

const pages = readdirSync(GUIDE).filter((name) => name.endsWith('.md'));
const blocks = pages.flatMap((page) =>
  [...text(page).matchAll(/^( *)```(\w*)\n([\s\S]*?)^\1```$/gm)].map(([, , language = '', code = '']) => ({
    page,
    language,
    code,
  })),
);

/** What a figure looks like: an amount of money, or a number with a unit of size, time, rate or count. */
const FIGURE =
  /\$\d|\b\d[\d,.]*(?: |-)?(?:[KMGT]i?B(?:\/s)?|ms|s|seconds?|minutes?|hours?|days?|months?|years?|cents?|pulls?|requests?|workers?|hosts|versions?|%)(?![\w-])/;

describe('the guide', () => {
  it.each(pages)('%s has at most 200 lines', (page) => {
    expect(text(page).trimEnd().split('\n').length).toBeLessThanOrEqual(MAX_LINES);
  });

  it('lists every page in its index', () => {
    const listed = [...text('README.md').matchAll(/\]\(([\w-]+\.md)\)/g)].map(([, page]) => page);

    expect(listed).toEqual(expect.arrayContaining(pages.filter((page) => page !== 'README.md')));
  });

  it.each(pages.filter((page) => page !== 'sources.md'))('%s gives a source for each figure', (page) => {
    expect(statementsOf(page).filter(lacksSource)).toEqual([]);
  });

  it('has a source for each number that a page names, and names each source', () => {
    const named = pages.flatMap((page) => [...text(page).matchAll(/\[(\d+)\]\(sources\.md\)/g)]);

    expect(unique(named.map(([, number]) => Number(number)))).toEqual(sources().map(({ number }) => number));
  });

  it('gives an address or a place, and a date, for each source', () => {
    const incomplete = sources().filter(
      ({ from }) =>
        !/<https:|runpod\/docs|\(worked-example|\.md\)|by this guide/.test(from) || !isDated(from),
    );

    expect(incomplete).toEqual([]);
  });

  it.each([
    ['a price', 'ECR costs $0.09 for each GB.'],
    ['a size', 'An image has at most 80 GB.'],
    ['a time', 'A build ends after 30 minutes.'],
    ['a limit', 'You have 200 pulls.'],
  ])('would be caught with %s without a source', (_, sentence) => {
    expect(lacksSource(sentence)).toBe(true);
    expect(lacksSource(sentence.replace('.', '. ').replace(/\.?\s*$/, ' [1](sources.md).'))).toBe(false);
  });
});

describe('the worked example', () => {
  it('follows from what it assumes', () => {
    const [gpu, pullPrice, storagePrice, starts, hosts] = [0.000_34, 0.09, 0.1, 900, 40];
    const month = (imageGb: number, seconds: number, volume: number) => ({
      ecr: imageGb * storagePrice + hosts * imageGb * pullPrice + volume + starts * seconds * gpu,
      ghcr: volume + starts * seconds * gpu,
    });
    const dollars = (value: number) => `$${value.toFixed(2)}`;
    const [image, fast, slow, cached] = [
      month(20, 9, 0),
      month(2, 45, 1.4),
      month(2, 90, 1.4),
      month(2, 9, 0),
    ];

    const page = text('worked-example.md');

    expect(page).toContain(
      `| **${dollars(image.ecr)}** [45](sources.md) | **${dollars(fast.ecr)} to ${dollars(slow.ecr)}** [45](sources.md) | **${dollars(cached.ecr)}** [45](sources.md) |`,
    );
    expect(page).toContain(
      `| **${dollars(image.ghcr)}** [45](sources.md) | **${dollars(fast.ghcr)} to ${dollars(slow.ghcr)}** [45](sources.md) | **${dollars(cached.ghcr)}** [45](sources.md) |`,
    );
  });
});

describe('the code of the guide', () => {
  it('is found', () => {
    expect(unique(blocks.map(({ language }) => language))).toEqual([
      '',
      'dockerfile',
      'json',
      'nginx',
      'python',
      'sh',
      'text',
      'yaml',
    ]);
  });

  it.each(of('sh'))('shell block %# of $page is read by bash', ({ code }) => {
    expect(() => execFileSync('bash', ['-n'], { input: code, stdio: 'pipe' })).not.toThrow();
  });

  it.each(of('json'))('JSON block %# of $page is JSON', ({ code }) => {
    expect(() => JSON.parse(code.startsWith('"') ? `{${code}}` : code)).not.toThrow();
  });

  it.each(of('yaml'))('YAML block %# of $page is YAML', ({ code }) => {
    expect(load(code)).toBeInstanceOf(Object);
  });

  it('has an example target for every type of registry, and all of them are valid in one configuration', () => {
    const targets = of('json')
      .filter(({ code }) => code.includes('"registryAuthName"'))
      .map(({ code }): Json => JSON.parse(code));
    const types = config({ targets }).targets.map((target) => target.registry.type);

    expect([...types].sort()).toEqual(registry.options.map(({ shape }) => shape.type.value).sort());
  });
});

function text(page: string): string {
  return readFileSync(join(GUIDE, page), 'utf8');
}

function of(language: string) {
  return blocks.filter((block) => block.language === language);
}

/** The cells of tables, and the sentences of everything else, without code, comments and addresses. */
function statementsOf(page: string): string[] {
  const prose = text(page)
    .replace(/^( *)```[\s\S]*?^\1```$/gm, '\n')
    .replace(/`[^`\n]*`/g, 'code')
    .replace(/<https[^>]*>/g, '');
  return prose.split(/\n\s*\n|\n(?=\s*(?:[-*|#]|\d+\. ))/).flatMap((part) => {
    const line = part.replace(/\n\s*/g, ' ').trim();
    if (line.startsWith('#')) return [];
    return line.startsWith('|') ? line.split('|') : line.split(/(?<=[.!?:;]\**)\s+(?=[A-Z*`[])/);
  });
}

function lacksSource(statement: string): boolean {
  const withoutMarks = statement.replace(/\[\d+\]\(sources\.md\)/g, '').replace(/\]\([^)]*\)/g, ']');
  return FIGURE.test(withoutMarks) && !/\[\d+\]\(sources\.md\)/.test(statement);
}

/** The rows of the table of sources. */
function sources(): { readonly number: number; readonly from: string }[] {
  return [...text('sources.md').matchAll(/^\| (\d+) \| .+ \| (.+) \|$/gm)].map(([, number, from = '']) => ({
    number: Number(number),
    from,
  }));
}

function isDated(source: string): boolean {
  return /\b20\d\d\b|undated/.test(source);
}

function unique<Value extends number | string>(values: readonly Value[]): Value[] {
  return [...new Set(values)].sort((a, b) => (a < b ? -1 : 1));
}
