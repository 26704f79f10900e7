/** The check of the workloads at Runpod: a fresh look at whether they can pull, with the code of the watch. */

import { parseImageName } from '../../lambda/core/images';
import type { PullFinding, Target } from '../../lambda/core/model';
import type { NotLooked } from '../../lambda/core/pulls/model';
import { WORKER_PLATFORM } from '../../lambda/core/registries/manifests';
import { withoutSecretForms } from '../../lambda/core/shown-text';
import type { LastLook } from '../deployment/watch';
import { formatCount, formatTime } from '../format';
import type { Operator } from '../operator';
import { commandLine } from '../options';
import type { AskRoutes } from '../runpod/access';
import { type FreshLook, lookAfresh } from '../runpod/pulls';
import { describeUses, type Use } from '../runpod/usage';
import { MAX_IMAGE_CHARACTERS, visibleName } from '../visible';
import { type Check, type Finding, ok, type Problem, warn } from './check';
import { policyFix, storeKeyCommand } from './failure-fixes';

/** Time limit of a look while a person waits, in milliseconds. A silent log takes 5 s, and 16 are read at a time. */
const LOOK_LIMIT_MS = 45_000;

/** What the check depends on. */
export interface WorkloadsCheckOptions {
  readonly askRoutes: AskRoutes;
  /** Reads the last look of the watch; undefined when there is none to read. */
  readonly readLastLook: () => Promise<LastLook | undefined>;
  /** Called with the fresh look. */
  readonly onLook: (look: FreshLook) => void;
  /** Time limit of the look, in milliseconds. @default 45,000 */
  readonly limitMs?: number;
}

/** Makes the check that workers can pull what the endpoints, Pods and templates name. */
export function workloadsCheck(operator: Operator, options: WorkloadsCheckOptions): Check {
  const progress = { images: 0, logs: 0 };
  const { limitMs = LOOK_LIMIT_MS } = options;
  const limit = `at most ${limitMs / 1_000} s`;
  return {
    id: 'usage',
    title: 'Workloads at Runpod',
    // A workload that names a deleted registry auth would look as if it named a wrong one.
    needs: ['registry-auth'],
    progress: () =>
      `${formatCount(progress.images, 'image')} asked, ${formatCount(progress.logs, 'log')} read, ${limit}`,
    run: async () => {
      const look = await lookAfresh(operator, limitMs, progress);
      options.onLook(look);
      return findingOf(operator, look, options);
    },
  };
}

async function findingOf(
  operator: Operator,
  look: FreshLook,
  { askRoutes, readLastLook }: WorkloadsCheckOptions,
): Promise<Finding> {
  const uses = await describeUses(
    operator,
    askRoutes,
    async (secretName) => look.listed.get(secretName) ?? [],
  );
  const { targets } = await operator.settings();
  const unlisted = uses.filter((use) => use.unlisted);
  const names = new Map(
    [...look.listed.values()].flat().map(({ kind, id, name }) => [`${kind} ${id}`, visibleName(name)]),
  );
  const isUnlisted = ({ workload, problem }: PullFinding) =>
    problem === 'pull-denied' && unlisted.some(({ kind, id }) => `${kind} ${id}` === workload);
  const region = await operator.region();
  const findings = look.findings.filter((finding) => !isUnlisted(finding));
  const lastLook = findings.some(({ problem }) => problem === 'pull-denied')
    ? await readLastLook().catch(() => undefined)
    : undefined;
  const problems = [
    ...findings.map((finding) => problemOf(operator, finding, { names, targets, lastLook, region })),
    ...unlistedProblems(operator, unlisted),
    ...blindProblems(operator, look, targets),
    ...notLookedProblems(look),
    ...latestProblems(operator, uses),
  ].sort((a, b) => Number(b.status === 'broken') - Number(a.status === 'broken'));
  const nothing = uses.length === 0 && look.workloads.length === 0;
  if (nothing && problems.length === 0) {
    return warn(['no workload uses these registry auths yet: choose one in a template or an endpoint']);
  }
  return combined(summaryOf(uses, look), problems);
}

/** At most so many problems are shown. */
const MAX_SHOWN = 20;

/** Makes one finding of many problems. Each problem keeps its own fix where they differ. */
function combined(summary: string, problems: readonly Problem[]): Finding {
  if (problems.length === 0) return ok(summary);
  const isBroken = problems.some(({ status }) => status === 'broken');
  const shown = problems.slice(0, MAX_SHOWN);
  const left = problems.length - shown.length;
  const rest: Problem[] =
    left > 0 ? [{ status: 'warning', found: `and ${formatCount(left, 'problem')} more` }] : [];
  const listed = [...shown, ...rest];
  const fixes = [...new Set(listed.flatMap(({ fix }) => fix ?? []))];
  return {
    status: isBroken ? 'broken' : 'warning',
    found: [...(isBroken ? [] : [summary]), ...listed.map(({ found }) => found)],
    ...(fixes[0] !== undefined && { fix: fixes[0] }),
    ...(fixes.length > 1 && { problems: listed }),
  };
}

/** Counts the workloads of each kind, and the images that can be pulled. */
function summaryOf(uses: readonly Use[], { images, findings, workloads }: FreshLook): string {
  const used = new Set([...uses.map(({ kind, id }) => `${kind} ${id}`), ...workloads]);
  const kinds = ['endpoint', 'template', 'pod'].flatMap((kind) => {
    const number = [...used].filter((workload) => workload.startsWith(`${kind} `)).length;
    return number > 0 ? formatCount(number, kind) : [];
  });
  const pulled = images > 0 && findings.length === 0 ? `; ${formatCount(images, 'image')} can be pulled` : '';
  return `${kinds.join(', ')}${pulled}`;
}

interface Context {
  /** Names of the workloads, by kind and id. */
  readonly names: ReadonlyMap<string, string>;
  readonly targets: readonly Target[];
  readonly lastLook: LastLook | undefined;
  /** The stack's region. */
  readonly region: string;
}

function problemOf(operator: Operator, finding: PullFinding, context: Context): Problem {
  const { names, targets, lastLook, region } = context;
  const { workload, problem, image, detail } = finding;
  const target = targets.find(({ name }) => name === finding.target);
  const name = names.get(workload);
  const [kind = '', id = ''] = workload.split(' ');
  const who = name === undefined || name === id ? workload : `${workload} (${withoutSecretForms(name)})`;
  // A sentence of the watch is: what is wrong; what to do; and for a log its newest line.
  const [wrong = '', toDo = '', ...line] = detail.split('; ');
  const said = line.length > 0 ? `; ${line.join('; ')}` : '';
  const found = `${who}: ${wrong}: ${image}${said}`;
  if (problem === 'pull-denied' && target?.registry.type === 'ecr' && target.registry.roleArn === undefined) {
    const refusedToo = lastLook?.findings.some(
      (one) => one.workload === workload && one.image === image && one.problem === problem,
    );
    if (lastLook && !refusedToo) {
      return {
        status: 'warning',
        found: `${who}: ECR refuses your own AWS credentials for ${image}; with its own role the watch saw no problem at ${formatTime(lastLook.at)}`,
      };
    }
  }
  return {
    // No worker runs from a template by itself.
    status: kind === 'template' ? 'warning' : 'broken',
    found,
    fix: fixFor(operator, { finding, kind, id, target, toDo, region }),
  };
}

interface Fixable {
  readonly finding: PullFinding;
  readonly kind: string;
  readonly id: string;
  readonly target: Target | undefined;
  /** What the watch says to do. */
  readonly toDo: string;
  /** The stack's region. */
  readonly region: string;
}

function fixFor(operator: Operator, fixable: Fixable): string {
  const { finding, kind, toDo } = fixable;
  const { image } = finding;
  switch (finding.problem) {
    case 'image-missing':
      return kind === 'endpoint'
        ? `push it again, or deploy another: ${deployImage(operator, fixable, 'TAG')}`
        : `push it again, or give the ${kind} another image`;
    case 'wrong-platform':
      return `docker buildx build --platform ${WORKER_PLATFORM} --push -t ${tagOf(image)} .`;
    case 'pull-denied':
      return fixForDenied(operator, fixable);
    case 'not-attached':
    case 'wrong-auth':
      return attach(operator, fixable);
    case 'pull-failed':
      return fixForFailedPull(operator, fixable, toDo);
  }
}

/** Returns the name under which an image is pushed. Only its checked parts become words of a command. */
function tagOf(image: string): string {
  const { host, repository = 'REPOSITORY', reference = 'TAG' } = parseImageName(image) ?? {};
  const tag = reference.includes(':') ? 'TAG' : reference;
  return `${host === undefined ? '' : `${host}/`}${repository}:${tag}`;
}

function fixForDenied(operator: Operator, { finding: { image }, target, region }: Fixable): string {
  const repository = parseImageName(image)?.repository ?? 'REPOSITORY';
  if (target?.registry.type !== 'ecr') return 'let the login of the target pull this repository';
  if (!target.registry.repositories.includes(repository)) {
    return `add ${repository} to the repositories of target ${target.name} in ${operator.configLabel}, then ${operator.deployCommand()}`;
  }
  return policyFix(operator, { registry: target.registry, repository, region });
}

/** The function's sentence sends a person to doctor. Here they are. */
function fixForFailedPull(operator: Operator, fixable: Fixable, toDo: string): string {
  const { detail } = fixable.finding;
  if (detail.includes('(the registry refused the credential)')) {
    return `${commandLine('refresh', operator.options)}, and wait some minutes: the worker tries again`;
  }
  return detail.includes('(no credential was sent)') ? attach(operator, fixable) : toDo;
}

function attach(operator: Operator, fixable: Fixable): string {
  const { kind, target } = fixable;
  if (kind === 'endpoint') return deployImage(operator, fixable);
  const auth = target?.registryAuthName ?? target?.registryAuthId ?? '';
  return `choose the registry auth ${auth} in the ${kind} at Runpod`;
}

/** Returns the command that gives an endpoint an image, and the registry auth of its target. */
function deployImage(operator: Operator, { finding: { image }, id, target }: Fixable, tag?: string): string {
  const name = parseImageName(image);
  const { repository = 'REPOSITORY', reference = 'TAG' } = name ?? {};
  const separator = tag === undefined && reference.includes(':') ? '@' : ':';
  const several = target === undefined ? '' : ` --target ${target.name}`;
  return commandLine(
    `deploy ${id} --image ${repository}${separator}${tag ?? reference}${several}`,
    operator.options,
  );
}

/** The workloads whose repository is not one of the target's: the function's role may not pull from it. */
function unlistedProblems(operator: Operator, unlisted: readonly Use[]): Problem[] {
  const { options, configLabel } = operator;
  // The template does not have the names that only CloudFormation knows.
  const [status, fix] =
    options.stack === undefined
      ? ([
          'broken',
          `add the repository to ${configLabel} (of another account or region: as a target with its roleArn or region), then ${operator.deployCommand()}`,
        ] as const)
      : ([
          'warning',
          'check that the target has these repositories: the deployed stack does not name those that your app creates',
        ] as const);
  return unlisted.map(({ kind, name, image, target }) => ({
    status,
    found: `${kind} ${visibleName(name)} pulls ${visibleName(image, MAX_IMAGE_CHARACTERS)}, which is not in a repository of target ${target}`,
    fix,
  }));
}

/** The watch pages nobody for a key that may not read, so doctor does not fail either. */
function blindProblems(
  operator: Operator,
  { blind, templatesUnlisted }: FreshLook,
  targets: readonly Target[],
): Problem[] {
  const problems = blind.map(({ target, reason }): Problem => {
    const secretName = targets.find(({ name }) => name === target)?.runpodApiKeySecretName ?? '';
    return {
      status: 'warning',
      found: `blind for target ${target}: ${reason}`,
      fix: `give the key read access to endpoints and Pods at Runpod, or create another key and: ${storeKeyCommand(operator, secretName)}`,
    };
  });
  if (templatesUnlisted === undefined || blind.length > 0) return problems;
  return [...problems, { status: 'warning', found: `templates cannot be listed: ${templatesUnlisted}` }];
}

/** Once the time is over, every log that is missing is missing for that reason. */
const OUT_OF_TIME = 'the time limit was over; the watch has more time';

function notLookedProblems({ notLooked, outOfTime }: FreshLook): Problem[] {
  const groups = new Map<string, NotLooked[]>();
  for (const one of notLooked) {
    const isLate = outOfTime && one.aspect === 'log' && !one.partly;
    const entry = isLate ? { ...one, because: OUT_OF_TIME } : one;
    const key = JSON.stringify([entry.because, entry.aspect, entry.partly, entry.workload === undefined]);
    groups.set(key, [...(groups.get(key) ?? []), entry]);
  }
  return [...groups.values()].map((entries) => ({ status: 'warning', found: describeNotLooked(entries) }));
}

/** How many workloads or targets a line names. */
const MAX_NAMED = 5;

function describeNotLooked(entries: readonly NotLooked[]): string {
  const [{ because = '', aspect, partly, workload }] = entries as [NotLooked];
  const subjects = [...new Set(entries.map((entry) => entry.workload ?? `target ${entry.target}`))];
  const more = subjects.length > MAX_NAMED ? ` and ${subjects.length - MAX_NAMED} more` : '';
  const named = `${subjects.slice(0, MAX_NAMED).join(', ')}${more}`;
  const part = aspect === undefined ? '' : `the ${aspect}${workload === undefined ? 's' : ''} of `;
  return `${partly ? 'looked at only in part' : 'not looked at'}: ${part}${named}: ${because}`;
}

function latestProblems(operator: Operator, uses: readonly Use[]): Problem[] {
  const fix = `${commandLine('usage', operator.options)} shows the digest to pin`;
  return uses
    .filter(({ latest, unlisted }) => latest && !unlisted)
    .map(({ kind, name }) => ({
      status: 'warning',
      found: `${kind} ${visibleName(name)} uses :latest, which may mean another image tomorrow`,
      fix,
    }));
}
