import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ALARMS, type AlarmName, type OutputName } from '../lambda/core/contract';

/** Where the file is, from this folder in a clone, and from the bundle in the package. */
const PLACES = ['../docs/runbook.md', '../../docs/runbook.md'];

/** The names that the runbook's commands have in the file. */
const WRITTEN = {
  stackName: 'EcrCredentialRefresher',
  region: 'us-east-1',
} as const;

/** What the runbook's commands need to know about one refresher. Each value may be a token. */
export interface RunbookValues {
  readonly stackName: string;
  /** Name of the refresher, with which the names of its alarms begin. */
  readonly service: string;
  readonly region: string;
  /** Values of the outputs that a `RefresherStack` has. A construct in another stack has no outputs. */
  readonly outputs: Readonly<Partial<Record<OutputName, string>>>;
  /** The alarms that exist. The sections of all others are left out. */
  readonly alarms: readonly AlarmName[];
}

/**
 * Returns `docs/runbook.md` for one refresher: the introduction, and then each section with its heading.
 *
 * Names of resources are filled in. Links become text, because a dashboard has neither the project's other files nor
 * anchors.
 *
 * @throws Error when the file is missing
 */
export function runbookFor(values: RunbookValues): string[] {
  const [introduction = '', ...sections] = readFileSync(runbookPath(), 'utf8').split(/^(?=## )/m);
  const headings = new Map(sections.map((section) => [slugOf(headingOf(section)), headingOf(section)]));
  const own = sections.filter((section) => {
    const heading = headingOf(section);
    return !Object.hasOwn(ALARMS, heading) || values.alarms.some((name) => name === heading);
  });
  return [introduction, ...own].map((text) => fillIn(withoutLinks(text, headings), values).trim());
}

/** Returns the path of `docs/runbook.md`, in a clone or in the installed package. @throws Error when it is missing */
export function runbookPath(): string {
  const path = PLACES.map((place) => join(__dirname, place)).find(existsSync);
  if (path === undefined) throw new Error('docs/runbook.md is missing. Install the package again.');
  return path;
}

function headingOf(section: string): string {
  return /^## (.*)/.exec(section)?.[1] ?? '';
}

/** Returns the anchor that Markdown gives a heading. */
function slugOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-');
}

function withoutLinks(text: string, headings: ReadonlyMap<string, string>): string {
  return text.replace(/\[([^\]]+)\]\(([^)\s]+)\)/g, (_, label: string, target: string) => {
    const heading = target.startsWith('#') ? headings.get(target.slice(1)) : undefined;
    if (heading === label) return `"${heading}"`;
    return `${label} (${heading === undefined ? `docs/${target.replace(/#.*/, '')}` : `"${heading}"`})`;
  });
}

function fillIn(text: string, { stackName, service, region, outputs }: RunbookValues): string {
  const named = new Map<string, string>(Object.entries(outputs));
  const which = service === stackName ? '' : ` --refresher ${service}`;
  const replacements: Readonly<Record<string, string>> = {
    [`--stack ${WRITTEN.stackName}`]: `--stack ${stackName}${which}`,
    [WRITTEN.stackName]: service,
    [WRITTEN.region]: region,
  };
  return (
    text
      // Every name is filled in, so the lines that read the outputs are not needed.
      .replace(READS_OUTPUTS, '')
      .replace(NAMES, (found, command?: string, alone?: string) => {
        return replacements[found] ?? named.get(command ?? alone ?? '') ?? found;
      })
  );
}

/** The lines of the shell with which a person reads the outputs of the stack. */
const READS_OUTPUTS = /^STACK=.*\noutput\(\) \{\n[\s\S]*?^\}\n/m;

/** Everything that is filled in, longer names first. Outputs stand in commands, and alone between backticks. */
const NAMES = new RegExp(
  [
    `--stack ${WRITTEN.stackName}`,
    WRITTEN.stackName,
    WRITTEN.region,
    '\\$\\(output (\\w+)\\)',
    '(?<=`)output (\\w+)(?=`)',
  ].join('|'),
  'g',
);
