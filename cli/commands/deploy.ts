/** `deploy`: gives an endpoint an image by its digest, watches the roll-out, and puts the old image back when it fails. */

import { RefresherError } from '../../lambda/core/errors';
import { meaningOfFailedPull } from '../../lambda/core/pulls/sentences';
import { WORKER_PLATFORM } from '../../lambda/core/registries/manifests';
import { applyChange } from '../deploy/change';
import { type DeployFlags, parseTimeout } from '../deploy/options';
import { makePlan, type Plan } from '../deploy/plan';
import { type Outcome, RollOut, refuseDuringRollOut } from '../deploy/roll-out';
import { CliError, usageError } from '../errors';
import { EXIT } from '../exit-codes';
import { formatCount } from '../format';
import { whileInterruptible } from '../interrupts';
import type { Operator } from '../operator';
import { commandLine } from '../options';
import type { Output } from '../output';
import { askChoice, askYes, mayAsk } from '../prompts';
import { type Change, has, type Rollout } from '../runpod/endpoints';
import { MAX_IMAGE_CHARACTERS, visibleName } from '../visible';

/**
 * Deploys an image.
 *
 * @param wanted - id or name of the endpoint
 * @returns the exit code
 * @throws CliError with exit code 2 in a script without `--yes`, 1 when the deployment failed, 130 when it was interrupted
 */
export async function deploy(
  operator: Operator,
  output: Output,
  wanted: string,
  flags: DeployFlags,
): Promise<number> {
  const timeoutMs = parseTimeout(flags.timeout);
  if (!flags.yes && !flags.dryRun && !mayAsk(operator.options)) {
    throw usageError(
      'deploy changes an endpoint, and there is no terminal at which to ask.',
      'Allow it with --yes, or look first with --dry-run.',
    );
  }
  const plan = await output.withSpinner('asking the registry and Runpod', () =>
    makePlan(operator, wanted, flags),
  );
  const deployment = new Deployment(operator, output, plan, { timeoutMs, timeout: flags.timeout });
  deployment.show();
  if (Object.keys(plan.change).length === 0) return deployment.unchanged();
  if (flags.dryRun) return deployment.dryRun();
  deployment.warn();
  if (!flags.yes && !(await askYes('Deploy it?'))) {
    throw new CliError('Cancelled. Nothing was changed.', { exitCode: EXIT.interrupted });
  }
  return deployment.run(flags.force === true);
}

/** How the deployment ended, as `--json` shows it. */
type Result = 'unchanged' | 'dry-run' | 'updated' | 'rolled-out' | 'put-back' | 'not-put-back' | 'left';

/** What Ctrl-C leads to. */
type AfterInterrupt = 'follow' | 'leave' | 'put-back';

class Deployment {
  readonly #operator: Operator;
  readonly #output: Output;
  readonly #plan: Plan;
  readonly #timeoutMs: number;
  readonly #timeout: string;
  #interrupted = false;
  #wake: () => void = () => undefined;

  constructor(
    operator: Operator,
    output: Output,
    plan: Plan,
    { timeoutMs, timeout }: { readonly timeoutMs: number; readonly timeout: string },
  ) {
    this.#operator = operator;
    this.#output = output;
    this.#plan = plan;
    this.#timeoutMs = timeoutMs;
    this.#timeout = timeout;
  }

  /** Shows what changes. */
  show(): void {
    const { endpoint, image, change, authBefore, authAfter, workers, oldImageGone, isDelegated } = this.#plan;
    const { colors } = this.#output;
    const line = (title: string, text: string) =>
      this.#output.line(`${colors.bold(title.padEnd(10))}${text}`);
    line('Endpoint', `${visibleName(endpoint.name)} (${endpoint.id}), ${formatCount(workers, 'worker')}`);
    line('Image', visibleName(endpoint.image, MAX_IMAGE_CHARACTERS));
    if (change.image !== undefined) line('', `${this.#output.arrow()} ${image.address}`);
    const none = isDelegated ? 'none: Runpod pulls by a delegation' : 'none';
    const [before, after] = [authBefore, authAfter].map((name) => (name ? visibleName(name) : none));
    line('Auth', change.registry === undefined ? `${after}` : `${before} ${this.#output.arrow()} ${after}`);
    const platform = image.platformKnown ? WORKER_PLATFORM : 'its platform is not known';
    line('Proof', `${platform}; the registry lets ${image.credentialName} pull it`);
    if (oldImageGone !== undefined && change.image !== undefined) {
      line('', `${this.#output.mark('warning')} the present image cannot be put back: ${oldImageGone}`);
    }
  }

  /** Says what a deployment does to the workers. */
  warn(): void {
    if (this.#plan.workers === 0) return;
    this.#output.line('This rolls every worker: idle ones are replaced at once, busy ones after their job.');
  }

  unchanged(): number {
    this.#report('unchanged');
    this.#output.line(this.#output.colors.green('The endpoint has this image already. Nothing was changed.'));
    return EXIT.ok;
  }

  dryRun(): number {
    this.#report('dry-run');
    this.#output.line('Dry run: nothing was changed.');
    return EXIT.ok;
  }

  /** Changes the endpoint and follows the roll-out. @returns the exit code */
  run(force: boolean): Promise<number> {
    return whileInterruptible(
      () => this.#onInterrupt(),
      async () => {
        const { endpoints, endpoint, change, before } = this.#plan;
        const [now, rollout] = await Promise.all([
          endpoints.get(endpoint.id),
          endpoints.rollout(endpoint.id),
        ]);
        if (!force) refuseDuringRollOut(rollout, endpoint);
        if (!has(now, before)) {
          throw new CliError(`Somebody else has just changed endpoint ${endpoint.id}. Nothing was changed.`, {
            fix: 'Run the command again.',
          });
        }
        if (this.#interrupted) {
          throw new CliError('Interrupted. Nothing was changed.', { exitCode: EXIT.interrupted });
        }
        await this.#output.withSpinner('changing the endpoint', () =>
          applyChange(endpoints, endpoint.id, change),
        );
        this.#output.line('The endpoint is changed. Following the roll-out:');
        return this.#conclude(await this.#follow(rollout));
      },
    );
  }

  /** Looks until the roll-out has ended. @returns `interrupted` when the person wants the old image back */
  async #follow(
    before: Rollout,
  ): Promise<{ readonly outcome: Outcome | 'interrupted'; readonly elapsedMs: number }> {
    const { endpoints, endpoint, change } = this.#plan;
    const { line, mark } = bound(this.#output);
    const rollOut = new RollOut(endpoints, {
      endpoint,
      change,
      before,
      timeoutMs: this.#timeoutMs,
      events: {
        onRunning: (worker) => line(`${mark('ok')} worker ${worker} runs the new image`),
        onFailure: (worker, { kind, line: text }) =>
          line(
            `${mark('broken')} worker ${worker} cannot pull: ${meaningOfFailedPull(kind).says} ("${text}")`,
          ),
        onBlind: (message) => line(`${mark('warning')} ${message}`),
      },
    });
    for (;;) {
      const outcome = await this.#output.withSpinner(rollOut.progress, () =>
        Promise.race([
          rollOut.look().then((seen) => seen ?? this.#pause(rollOut.pauseMs)),
          this.#interruption(),
        ]),
      );
      if (this.#interrupted) {
        const next = await this.#afterInterrupt();
        if (next === 'put-back') return { outcome: 'interrupted', elapsedMs: rollOut.elapsedMs };
        if (next === 'leave') throw this.#left();
      } else if (outcome) return { outcome, elapsedMs: rollOut.elapsedMs };
    }
  }

  async #conclude({
    outcome,
    elapsedMs,
  }: {
    readonly outcome: Outcome | 'interrupted';
    readonly elapsedMs: number;
  }): Promise<number> {
    const { colors } = this.#output;
    const { endpoint } = this.#plan;
    if (outcome === 'interrupted') {
      await this.#putBack('You interrupted the roll-out', EXIT.interrupted);
      return EXIT.interrupted;
    }
    switch (outcome.kind) {
      case 'rolled-out': {
        const { workers, seenInLog } = outcome;
        this.#report('rolled-out', { workers });
        const seconds = Math.round(elapsedMs / 1_000);
        this.#output.line(
          colors.green(
            workers === 1
              ? `The only worker runs the new image, after ${seconds} s.`
              : `All ${workers} workers run the new image, after ${seconds} s.`,
          ),
        );
        if (seenInLog < workers) {
          this.#output.line(
            `${formatCount(workers - seenInLog, 'worker')} did not log the start; no log tells of a failed pull.`,
          );
        }
        return EXIT.ok;
      }
      case 'no-workers':
        this.#report('updated', { workers: 0 });
        this.#output.line(
          `${colors.green('The endpoint is updated.')} It has no workers, so no pull was seen: the proof is the registry's.`,
        );
        return EXIT.ok;
      case 'replaced':
        throw this.#failed(
          'left',
          `Somebody else gave endpoint ${endpoint.id} another image during the roll-out: ${visibleName(outcome.image, MAX_IMAGE_CHARACTERS)}.`,
          'Nothing was put back. Look at its releases at Runpod.',
        );
      case 'not-in-time':
        throw this.#failed(
          'left',
          `After ${this.#timeout}, ${outcome.running} of ${outcome.total} workers run the new image, and no pull has failed.`,
          `The roll-out continues. ${this.#putBackByHand()}`,
        );
      case 'cannot-pull': {
        const { worker, says } = outcome;
        const why = says
          ? `${meaningOfFailedPull(says.kind).says}: "${says.line}"`
          : `it did not start within ${this.#timeout}, and its log does not say why`;
        await this.#putBack(`Worker ${worker} cannot pull the new image (${why})`, EXIT.broken);
        return EXIT.broken;
      }
    }
  }

  /** Puts the old image and registry auth back. @throws CliError in every case, because the deployment failed */
  async #putBack(why: string, exitCode: number): Promise<never> {
    const { endpoints, endpoint, change, before, oldImageGone } = this.#plan;
    try {
      await this.#output.withSpinner('putting the old image back', async () => {
        const now = await endpoints.get(endpoint.id);
        if (!has(now, change)) throw new CliError('somebody else has changed the endpoint since');
        await applyChange(endpoints, endpoint.id, before);
      });
    } catch (error) {
      if (!(error instanceof CliError) && !(error instanceof RefresherError)) throw error;
      throw this.#failed(
        'not-put-back',
        `${why}, and ${whatOf(before)} could not be put back: ${error.message}`,
        this.#putBackByHand(),
        exitCode,
      );
    }
    const gone = oldImageGone
      ? ` The old image cannot be pulled either (${oldImageGone}), so deploy another one.`
      : '';
    throw this.#failed('put-back', `${why}, so ${whatOf(before)} was put back.${gone}`, undefined, exitCode);
  }

  #putBackByHand(): string {
    const { endpoint, before, authBefore } = this.#plan;
    const image = before.image ?? endpoint.image;
    // Text of others is not made part of a command.
    if (!/^[\w@%+=:,./-]+$/.test(image)) return 'Put the old image back at Runpod.';
    const auth = before.registry && authBefore && /^[\w.-]+$/.test(authBefore) ? ` --auth ${authBefore}` : '';
    const command = commandLine(
      `deploy ${endpoint.id} --image ${image}${auth} --force`,
      this.#operator.options,
    );
    return `To put the old image back: ${command}`;
  }

  #onInterrupt(): void {
    if (this.#interrupted && !mayAsk(this.#operator.options)) {
      this.#output.error('Interrupted twice. Look at the endpoint at Runpod: it may have either image.');
      process.exit(EXIT.interrupted);
    }
    this.#interrupted = true;
    this.#wake();
  }

  /** Resolves when somebody presses Ctrl-C. */
  #interruption(): Promise<undefined> {
    return new Promise((resolve) => {
      this.#wake = () => resolve(undefined);
      if (this.#interrupted) resolve(undefined);
    });
  }

  async #pause(ms: number): Promise<undefined> {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return undefined;
  }

  async #afterInterrupt(): Promise<AfterInterrupt> {
    this.#interrupted = false;
    if (!mayAsk(this.#operator.options)) return 'leave';
    try {
      const answer = await askChoice('The roll-out is half way. What should happen?', [
        { value: 'follow', label: 'Go on and follow it' },
        { value: 'put-back', label: 'Put the old image back' },
        { value: 'leave', label: 'Leave it as it is, and stop following' },
      ]);
      return answer as AfterInterrupt;
    } catch (error) {
      // Another Ctrl-C in the question.
      if (error instanceof CliError) return 'leave';
      throw error;
    }
  }

  #left(): CliError {
    const { endpoint } = this.#plan;
    return this.#failed(
      'left',
      `Interrupted. Endpoint ${endpoint.id} has the new image, and its roll-out continues.`,
      this.#putBackByHand(),
      EXIT.interrupted,
    );
  }

  /** Writes the JSON document of a failure. @returns the error to throw */
  #failed(
    result: Result,
    problem: string,
    fix: string | undefined,
    exitCode: number = EXIT.broken,
  ): CliError {
    const error = new CliError(problem, { exitCode, ...(fix !== undefined && { fix }) });
    this.#report(result, { error: { message: problem, ...(fix !== undefined && { fix }) } });
    return error;
  }

  /** Writes the JSON document. */
  #report(result: Result, more: object = {}): void {
    const { endpoint, image, change, authBefore, authAfter } = this.#plan;
    this.#output.data({
      result,
      endpoint: { id: endpoint.id, name: endpoint.name },
      image: { before: endpoint.image, after: change.image ?? endpoint.image, digest: image.digest },
      registryAuth: { before: authBefore ?? null, after: authAfter ?? null },
      proof: { platform: image.platformKnown ? WORKER_PLATFORM : null, with: image.credentialName },
      ...more,
    });
  }
}

function bound(output: Output): Pick<Output, 'line' | 'mark'> {
  return { line: (text) => output.line(text), mark: (status) => output.mark(status) };
}

function whatOf({ image, registry }: Change): string {
  if (image === undefined) return 'the old registry auth';
  return registry === undefined ? 'the old image' : 'the old image with its registry auth';
}
