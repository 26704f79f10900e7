import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const ROOT = join(__dirname, '../..');
const PAGES = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...pagesUnder('docs'),
  ...pagesUnder('examples'),
];
const MAX_README_LINES = 160;

/** One relative link of a page, as it stands there. */
interface Link {
  readonly page: string;
  readonly target: string;
}

const links = PAGES.flatMap(linksOf);

describe('the documentation', () => {
  it.each(PAGES)('%s links only to files and headings that exist', (page) => {
    expect(links.filter((link) => link.page === page && !resolves(link))).toEqual([]);
  });

  it('is searched for links at all', () => {
    expect(links.length).toBeGreaterThan(60);
    expect(links.filter(({ target }) => target.includes('#')).length).toBeGreaterThan(20);
  });

  it.each([
    ['a missing file', 'docs/no-such-page.md'],
    ['a missing heading of another page', 'docs/runbook.md#no-such-heading'],
    ['a missing heading of the same page', '#no-such-heading'],
  ])('would be caught with a link to %s', (_, target) => {
    expect(resolves({ page: 'README.md', target })).toBe(false);
  });

  it('has every page in its index', () => {
    const listed = links
      .filter(({ page }) => page === 'docs/README.md')
      .map(({ page, target }) => relative(ROOT, fileOf({ page, target })));

    expect(listed).toEqual(
      expect.arrayContaining(pagesUnder('docs').filter((page) => page !== 'docs/README.md')),
    );
  });
});

describe('README.md', () => {
  it(`has at most ${MAX_README_LINES} lines`, () => {
    expect(textOf('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(MAX_README_LINES);
  });
});

function pagesUnder(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name))
    .sort();
}

function textOf(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8');
}

/** The text without code blocks, where neither `#` nor brackets mean anything. */
function proseOf(page: string): string {
  return textOf(page).replace(/^```[\s\S]*?^```$/gm, '');
}

function linksOf(page: string): Link[] {
  const withoutCode = proseOf(page).replace(/`[^`\n]*`/g, '');
  return [...withoutCode.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => ({ page, target }))
    .filter(({ target }) => !/^[a-z]+:/.test(target));
}

/** The file that a link leads to; the page itself for a mere heading. */
function fileOf({ page, target }: Link): string {
  const [path = ''] = target.split('#');
  return path === '' ? join(ROOT, page) : resolve(ROOT, dirname(page), path);
}

function resolves(link: Link): boolean {
  const file = fileOf(link);
  const [, anchor] = link.target.split('#');
  if (!existsSync(file)) return false;
  return anchor === undefined || (statSync(file).isFile() && anchorsOf(file).has(anchor));
}

/** The anchors that GitHub gives a page's headings: the second of two equal headings ends in `-1`. */
function anchorsOf(file: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of proseOf(relative(ROOT, file)).matchAll(/^#{1,6} (.+)$/gm)) {
    const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const slug = text
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-');
    let anchor = slug;
    for (let copy = 1; anchors.has(anchor); copy += 1) anchor = `${slug}-${copy}`;
    anchors.add(anchor);
  }
  return anchors;
}
