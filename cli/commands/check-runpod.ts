/** `check-runpod`: finds out which of Runpod's APIs can update a registry auth with the user's own key. */

import { randomBytes } from 'node:crypto';
import { ApiUnsupportedError, RefresherError, TransientError } from '../../lambda/core/errors';
import { type Credential, type RouteName, type RunpodSettings, Secret } from '../../lambda/core/model';
import { RateLimiter } from '../../lambda/core/rate-limit';
import { createRoutes } from '../../lambda/core/runpod/account';
import type { RunpodCall, RunpodRoute } from '../../lambda/core/runpod/api';
import { version } from '../../package.json';
import { CliError } from '../errors';
import { EXIT } from '../exit-codes';
import { whileInterruptible } from '../interrupts';
import type { Operator } from '../operator';
import type { Output } from '../output';
import { readAccountKey, runpodSettings } from '../runpod/account';
import { type DeleteAuth, deleteOver } from '../runpod/delete-auth';

/** What an API did. `not-tried` where there was nothing to do it with. */
type Verdict = 'works' | 'fails' | 'not-tried';

const STEPS = ['list', 'create', 'update', 'delete'] as const;

type Step = (typeof STEPS)[number];

/** What one API did, as `--json` shows it. */
interface ApiResult extends Record<Step, Verdict> {
  readonly api: RouteName;
  /** What it answered, in the words of this project. Empty when every step worked. */
  readonly said: string[];
}

/** What is expected of each API. Anything else is worth a report. */
const EXPECTED: Readonly<Record<RouteName, Readonly<Partial<Record<Step, Verdict>>>>> = {
  // Runpod's newest page documents the update; no published client sends it.
  'rest-v2': { list: 'works', create: 'works', update: 'works', delete: 'works' },
  // Announced to end on 2026-11-15, and no specification has its update.
  'rest-v1': { update: 'fails' },
  graphql: { list: 'works', create: 'works', update: 'works', delete: 'works' },
};

/** Every name that this command gives begins so. */
const NAME_PREFIX = 'runpod-ecr-check-';

/**
 * Makes registry auths with names of its own, updates and deletes them over each API, and says what to set.
 *
 * @returns the exit code: 0 when the service can update over an API that the settings allow
 * @throws CliError with exit code 130 when it was interrupted
 */
export async function checkRunpod(operator: Operator, output: Output): Promise<number> {
  const settings = await runpodSettings(operator);
  const secretName = operator.hasSettings ? (await operator.secretNames())[0] : undefined;
  const { key, source } = await readAccountKey(operator, secretName);
  output.line(`Checking with the key in ${source}. Only registry auths named ${NAME_PREFIX}… are touched.`);
  const check = new Check(operator, settings, key);
  const leftovers = await whileInterruptible(
    () => check.stop(),
    async () => {
      try {
        await output.withSpinner('asking Runpod', () => check.run());
      } finally {
        await output.withSpinner('deleting what was made', () => check.cleanUp());
      }
      return check.leftovers;
    },
  );
  if (check.isStopped) {
    throw new CliError(`Interrupted. ${describeLeftovers(leftovers)}`, { exitCode: EXIT.interrupted });
  }
  if (!check.isAnswered) throw noAnswerError(check.results);
  return show(output, settings, check.results, leftovers);
}

/** The error when no API answered. Nothing is known about the key then, so the error gives no advice about it. */
function noAnswerError(results: readonly ApiResult[]): CliError {
  const said = new Set(results.flatMap((result) => result.said));
  return new CliError(`Runpod gave no answer: ${[...said].join(', ')}.`, {
    fix: `Check the network and the status page of Runpod, then repeat this. If Runpod then lists registry auths named ${NAME_PREFIX}…, delete them.`,
  });
}

/** One check of all APIs of an account. */
class Check {
  readonly results: ApiResult[] = [];
  isStopped = false;
  /** Whether any of the APIs gave any answer. */
  isAnswered = false;
  readonly #operator: Operator;
  readonly #key: Secret;
  readonly #apis: readonly { readonly route: RunpodRoute; readonly remove: DeleteAuth }[];
  readonly #rateLimiter = new RateLimiter();
  readonly #suffix = randomBytes(4).toString('hex');
  /** Names of what was made or may have been made, and is not deleted yet. */
  readonly #made = new Set<string>();

  constructor(operator: Operator, settings: RunpodSettings, key: Secret) {
    this.#operator = operator;
    this.#key = key;
    this.#apis = createRoutes(operator.http, { ...settings, api: 'auto' }).map((route) => ({
      route,
      remove: deleteOver(route.name, operator.http, settings),
    }));
  }

  /** Ends the check before its next request. */
  stop(): void {
    this.isStopped = true;
  }

  /** Names of registry auths that could not be deleted. */
  get leftovers(): string[] {
    return [...this.#made];
  }

  /** Lists and creates over each API, then updates, then deletes. An update can use what another API has made. */
  async run(): Promise<void> {
    const own = new Map<RouteName, { readonly name: string; readonly id: string }>();
    for (const { route } of this.#apis) {
      const result: ApiResult = {
        api: route.name,
        list: 'not-tried',
        create: 'not-tried',
        update: 'not-tried',
        delete: 'not-tried',
        said: [],
      };
      this.results.push(result);
      await this.#try(result, 'list', () => route.list(this.#call()));
      const name = `${NAME_PREFIX}${this.#suffix}-${route.name}`;
      await this.#try(result, 'create', async () => {
        this.#made.add(name);
        try {
          const { id } = await route.create(this.#call(), name, randomCredential());
          own.set(route.name, { name, id });
        } catch (error) {
          const nothingMade = error instanceof ApiUnsupportedError && error.certainty === 'final';
          if (nothingMade) this.#made.delete(name);
          throw error;
        }
      });
    }
    const [any] = own.values();
    for (const [index, { route }] of this.#apis.entries()) {
      const result = this.results[index];
      const subject = own.get(route.name) ?? any;
      if (!result || !subject) continue;
      await this.#try(result, 'update', () => route.update(this.#call(), subject.id, randomCredential()));
    }
    for (const [index, { route, remove }] of this.#apis.entries()) {
      const result = this.results[index];
      const subject = own.get(route.name);
      if (!result || !subject) continue;
      await this.#try(result, 'delete', async () => {
        await remove(this.#call(), subject.id);
        this.#made.delete(subject.name);
      });
    }
  }

  /** Deletes what is left, over any API. What may have been made is found by its name. */
  async cleanUp(): Promise<void> {
    if (this.#made.size === 0) return;
    for (const { route, remove } of this.#apis) {
      // An API that cannot do it is followed by the next one.
      const auths = await route.list(this.#call()).catch(() => undefined);
      if (!auths) continue;
      for (const name of [...this.#made]) {
        const id = auths.find((auth) => auth.name === name)?.id;
        const isGone = id === undefined || (await isDeleted(remove(this.#call(), id)));
        if (isGone) this.#made.delete(name);
      }
      if (this.#made.size === 0) return;
    }
  }

  async #try(result: ApiResult, step: Step, action: () => Promise<unknown>): Promise<void> {
    if (this.isStopped) return;
    try {
      await action();
      this.isAnswered = true;
      result[step] = 'works';
    } catch (error) {
      if (!(error instanceof TransientError)) this.isAnswered = true;
      result[step] = 'fails';
      // Any other message may quote an answer.
      const why = error instanceof RefresherError ? error.message : 'unexpected error';
      result.said.push(`${step}: ${why.replace(/[;].*$/s, '')}`);
    }
  }

  #call(): RunpodCall {
    return {
      apiKey: this.#key,
      deadlineMs: this.#operator.deadlineMs(),
      rateLimiter: this.#rateLimiter,
    };
  }
}

function isDeleted(deletion: Promise<void>): Promise<boolean> {
  return deletion.then(
    () => true,
    () => false,
  );
}

/** A credential that opens nothing. */
function randomCredential(): Credential {
  return { username: 'AWS', password: new Secret(randomBytes(24).toString('base64url')), registryUrl: '' };
}

function show(
  output: Output,
  settings: RunpodSettings,
  results: readonly ApiResult[],
  leftovers: readonly string[],
): number {
  const advice = adviceFor(settings, results);
  const surprises = results.flatMap((result) =>
    STEPS.flatMap((step) => {
      const expected = EXPECTED[result.api][step];
      const isSurprise = expected !== undefined && result[step] !== expected;
      return isSurprise ? [`${result.api} ${step}: expected ${expected}, found ${result[step]}`] : [];
    }),
  );
  output.data({ apis: results, canUpdate: advice.canUpdate, advice: advice.text, surprises, leftovers });
  const { colors } = output;
  const shown = { works: colors.green('yes'), fails: colors.red('no'), 'not-tried': colors.dim('-') };
  output.table(
    ['API', 'List', 'Create', 'Update', 'Delete', 'What it said'],
    results.map((result) => [
      result.api,
      ...STEPS.map((step) => shown[result[step]]),
      result.said.join(', ') || 'answered as documented',
    ]),
  );
  output.line();
  output.line(advice.canUpdate ? colors.green(advice.text) : colors.red(advice.text));
  if (leftovers.length > 0) output.line(`${output.mark('broken')} ${describeLeftovers(leftovers)}`);
  if (surprises.length > 0) {
    output.line();
    output.line(
      'This differs from what is known. Please report it to the project; this text holds no secret:',
    );
    output.line(`  runpod-ecr ${version}, check-runpod of ${new Date().toISOString().slice(0, 10)}`);
    for (const surprise of surprises) output.line(`  ${surprise}`);
    for (const { api, said } of results) for (const text of said) output.line(`  ${api} said: ${text}`);
  }
  return advice.canUpdate && leftovers.length === 0 ? EXIT.ok : EXIT.broken;
}

/** Says what to set in the configuration. */
function adviceFor(
  { api }: RunpodSettings,
  results: readonly ApiResult[],
): { readonly canUpdate: boolean; readonly text: string } {
  const updating = results.filter(({ update }) => update === 'works').map((result) => result.api);
  const [best] = updating;
  if (best === undefined) {
    return {
      canUpdate: false,
      text: 'No API can update a registry auth with this key. Give the key the permission secrets:write, then check again.',
    };
  }
  const all = `${updating.join(', ')} can update with this key.`;
  if (api !== 'auto' && !updating.includes(api)) {
    return { canUpdate: false, text: `${all} The configuration forces ${api}: set runpod.api to "auto".` };
  }
  if (api !== 'auto') return { canUpdate: true, text: `${all} Leave runpod.api at "${api}".` };
  if (best === 'rest-v2') return { canUpdate: true, text: `${all} Leave runpod.api at "auto".` };
  return {
    canUpdate: true,
    text: `${all} "auto" finds it by itself. To spare a call that fails, set runpod.api to "${best}".`,
  };
}

function describeLeftovers(leftovers: readonly string[]): string {
  return leftovers.length === 0
    ? 'Everything that was made is deleted.'
    : `Could not delete ${leftovers.join(', ')}. Delete it in Runpod's console, under Container Registry Auth.`;
}
