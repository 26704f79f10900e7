/** The checks of the other region, and which problems are only warnings while one region works. */

import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { LOG_MESSAGES, type Side } from '../../lambda/core/contract';
import { withoutSecretForms } from '../../lambda/core/shown-text';
import { readHistory } from '../deployment/history';
import { hasBootstrap, intervalMs, requireStack } from '../deployment/stack';
import { describeAwsError, errorName } from '../errors';
import type { Operator } from '../operator';
import { cdkCommand } from '../options';
import { visibleLine, visibleName } from '../visible';
import { type Check, type Finding, fail, type JudgeFinding, NO_CAUSE, ok, together, warn } from './check';
import { alarmsCheck, deploymentChecks, deploymentOf } from './deployment-checks';
import type { ExpectedTemplate } from './local-checks';
import { pagingCheck } from './paging-check';
import { REPLICA_CHECK, replicaCheck } from './replica-check';

/** The two regions, from the side that the person asked for. */
export interface TwoRegions {
  /** The operator of the region that was asked for. */
  readonly own: Operator;
  readonly other: Operator;
  /** Which of the two refreshers `own` is. */
  readonly side: Side;
  /** The template that the other region should have. @default - no configuration file says it */
  readonly otherTemplate: ExpectedTemplate | undefined;
}

const PREFIX = 'other-';

/** The checks of this region that are also made for the other one, with their titles. */
const TITLES: Readonly<Record<string, string>> = {
  stack: 'stack',
  'last-run': 'last run',
  alarms: 'alarms',
  paging: 'paging',
};

const SIDES: Readonly<Record<Side, string>> = { primary: 'First region', standby: 'Standby' };

/** Makes the checks of the other region. They need only the settings of this one. */
export function otherChecks({ own, other, side, otherTemplate }: TwoRegions): Check[] {
  const deployment = deploymentOf(other, otherTemplate);
  const isPrimary = side === 'primary';
  const who = SIDES[isPrimary ? 'standby' : 'primary'];
  const checks = [...deploymentChecks(deployment), alarmsCheck(deployment), pagingCheck(other)];
  return [
    replicaCheck(isPrimary ? { primary: own, standby: other } : { primary: other, standby: own }, own),
    ...checks
      .filter(({ id }) => id in TITLES)
      .map((check) => ofOther(check, who, other, isPrimary ? { secret: REPLICA_CHECK } : {})),
    {
      id: 'other-told',
      title: 'Success reports',
      needs: ['other-stack'],
      run: () => checkTold([own, other]),
    },
  ];
}

/** @param causes - ids of checks of both regions that explain a problem, by the id of the check of one region */
function ofOther(
  check: Check,
  who: string,
  other: Operator,
  causes: Readonly<Record<string, string>>,
): Check {
  const { id, needs, after } = check;
  const idsOfOther = (ids: readonly string[] = []) =>
    ids.flatMap((one) => causes[one] ?? idOfOther(one) ?? []);
  const run: Check['run'] = (causeAmong = NO_CAUSE) => check.run((ids) => causeAmong(idsOfOther(ids)));
  return {
    ...check,
    id: `${PREFIX}${id}`,
    title: `${who}: ${TITLES[id]}`,
    needs: id === 'stack' ? ['configuration'] : idsOfOther(needs),
    after: idsOfOther(after),
    run: id === 'stack' ? async (cause) => (await missingStack(other)) ?? run(cause) : run,
  };
}

/** Returns the id of the check for the other region. Both regions share the check of the template. Others have none. */
function idOfOther(id: string): string | undefined {
  if (id === 'template') return id;
  return id in TITLES ? `${PREFIX}${id}` : undefined;
}

/** Returns the finding for a stack that is not deployed, or whose region is not bootstrapped. */
async function missingStack(other: Operator): Promise<Finding | undefined> {
  const StackName = other.stackName();
  try {
    await other.client(CloudFormationClient).send(new DescribeStacksCommand({ StackName }));
    return undefined;
  } catch (error) {
    // CloudFormation has no error code for a missing stack.
    if (errorName(error) !== 'ValidationError') throw error;
  }
  const region = await other.region();
  const found = `${StackName} is not deployed in ${region}`;
  if (await hasBootstrap(other)) return fail([found], other.deployCommand());
  const { profile } = other.options;
  const environment = `aws://${(await other.identity()).account}/${region}`;
  const bootstrap = cdkCommand('bootstrap', { ...(profile && { profile }) }, [environment]);
  return fail(
    [`${found}, and the CDK is not bootstrapped there`],
    `${bootstrap}; then ${other.deployCommand()}`,
  );
}

const HOUR_MS = 60 * 60_000;

/** Checks that each region could report its last successes to the other one. */
async function checkTold(operators: readonly Operator[]): Promise<Finding> {
  const findings = await Promise.all(operators.map(checkTelling));
  const bad = findings.filter(({ status }) => status !== 'ok');
  return bad.length > 0 ? together(bad) : ok('each region receives the successes of the other one');
}

/** Checks the reports of one region. Without them the other region pages although this one works. */
async function checkTelling(operator: Operator): Promise<Finding> {
  const region = await operator.region();
  try {
    const stack = await requireStack(operator);
    const { minCredentialMinutes } = await operator.settings();
    const since = new Date(Date.now() - intervalMs(minCredentialMinutes) - HOUR_MS);
    const lines = await readHistory(operator, stack.output('LogGroupName'), since);
    const last = lines.findLast(({ message }) => message === LOG_MESSAGES.otherRegionNotTold);
    if (!last) return ok(region);
    const why = visibleName(withoutSecretForms(visibleLine(String(last.fields.why ?? ''))), MAX_WHY);
    const fix = /PutMetricData/.test(why)
      ? `${operator.deployCommand()} --revert-drift undoes what was changed by hand`
      : 'wait for the next run: a region that is down receives no reports';
    return warn([`${region} could not report its success to the other region: ${why}`], fix);
  } catch (error) {
    return warn([`not known for ${region}: ${describeAwsError(error)}`]);
  }
}

/** Longest reason that is shown, in characters. */
const MAX_WHY = 400;

/** The checks of each side whose problems are only warnings while the other region works, unless they page. */
const ONE_SIDED: Readonly<Record<Side, readonly string[]>> = {
  primary: ['stack', 'last-run', 'watch', 'alarms'],
  standby: [REPLICA_CHECK, 'secret', 'stack', 'function', 'registry', 'last-run', 'alarms', 'paging'],
};

/**
 * Makes the judge of two regions. A problem of one region is a warning while the other one refreshes every target in
 * time. A problem that pages stays broken (`pagesBeside` of `deployment/health.ts`).
 */
export function judgeOf({ own, other, side }: TwoRegions): JudgeFinding {
  const opposite = side === 'primary' ? 'standby' : 'primary';
  const isOfOther = (id: string) => (id === REPLICA_CHECK ? side === 'primary' : id.startsWith(PREFIX));
  return async ({ id }, finding, findingOf) => {
    const plainId = id.startsWith(PREFIX) ? id.slice(PREFIX.length) : id;
    const isOneSided = ONE_SIDED[isOfOther(id) ? opposite : side].includes(plainId);
    if (finding.status !== 'broken' || finding.pages || !(isOneSided || finding.unreachable)) return finding;
    const [covering, prefix] = isOfOther(id) ? [own, ''] : [other, PREFIX];
    const [lastRun, counterpart] = await Promise.all(
      [`${prefix}last-run`, `${prefix}${plainId}`].map(findingOf),
    );
    const isCovered = lastRun?.status === 'ok' || lastRun?.status === 'warning';
    if (!isCovered || (counterpart !== finding && counterpart?.status === 'broken')) return finding;
    return asWarning(finding, `only a warning: ${await covering.region()} refreshes every target in time`);
  };
}

function asWarning(finding: Finding, why: string): Finding {
  const { problems } = finding;
  return {
    ...finding,
    status: 'warning',
    found: [...finding.found, why],
    ...(problems && {
      problems: [
        ...problems.map((problem) => ({ ...problem, status: 'warning' as const })),
        { status: 'warning' as const, found: why },
      ],
    }),
  };
}
