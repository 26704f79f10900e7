/** What the sub-shell of a demo can ask the demo that runs: to break, to fix, and to do what doctor suggests. */

import { randomUUID } from 'node:crypto';
import { nearest } from '../../lib/config/nearest';
import { runbookPath } from '../../lib/runbook';
import { jsonObject, type ReceivedRequest, type StandInAnswer } from '../exchange';
import { StandInServer } from '../stand-in-server';
import { type ControlAnswer, type ControlWord, isControlWord } from './ask';
import { BREAKS, describeBreaks } from './breaks';
import type { DemoWorld } from './demo-world';
import { runAwsCommand, runCdkCommand } from './other-tools';

/** What the words of a request do. They are those after `runpod-ecr demo`. */
const ACTIONS: Readonly<
  Record<ControlWord, (world: DemoWorld, words: readonly string[]) => Promise<ControlAnswer>>
> = {
  break: breakLink,
  fix: async (world) => {
    await world.fix();
    return { exitCode: 0, lines: ['Everything is as it was at the start, and refreshed.'] };
  },
  cdk: runCdkCommand,
  aws: runAwsCommand,
};

/** Breaks one link of the world. */
export async function breakLink(world: DemoWorld, [name = '']: readonly string[]): Promise<ControlAnswer> {
  if (name === 'list') return { exitCode: 0, lines: describeBreaks() };
  if (name === '')
    return { exitCode: 2, lines: ['Which one? demo break NAME, with one of:', ...describeBreaks()] };
  const found = Object.hasOwn(BREAKS, name) ? BREAKS[name] : undefined;
  if (!found) {
    const similar = nearest(name, Object.keys(BREAKS));
    const guess = similar === undefined ? '' : ` Did you mean ${similar}?`;
    return {
      exitCode: 1,
      lines: [`There is no break ${JSON.stringify(name)}.${guess} There are:`, ...describeBreaks()],
    };
  }
  const before = [...world.broken].filter((one) => one !== name && BREAKS[one]?.holds(world));
  await found.apply(world);
  world.broken.add(name);
  return {
    exitCode: 0,
    lines: [
      `Broken: ${found.what}.`,
      ...(before.length > 0 ? [`Still broken from before: ${before.join(', ')}.`] : []),
      'To find it and its fix: npx runpod-ecr doctor',
      ...(found.later ? [`Its alarm ${found.runbook} goes off later: ${found.later}.`] : []),
      ...(found.runbook ? [`In the runbook: "${found.runbook}" in ${runbookPath()}`] : []),
      ...(found.hint ? [`To fix it here: ${found.hint}`] : []),
      found.byHand === false
        ? 'This cannot be fixed by hand here: demo fix'
        : 'To fix everything at once: demo fix',
    ],
  };
}

/** Answers the sub-shell. The address has a secret part, so that no other user of the machine can ask. */
export class ControlServer extends StandInServer {
  readonly #world: DemoWorld;
  readonly #path = `/${randomUUID()}`;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(world: DemoWorld) {
    super();
    this.#world = world;
  }

  /** The address for `askDemo`. */
  get address(): string {
    return `${this.url}${this.#path}`;
  }

  protected async answer({ path, body }: ReceivedRequest): Promise<StandInAnswer> {
    if (path !== this.#path) return { status: 404 };
    const { words } = jsonObject(body);
    const [name = '', ...rest] = Array.isArray(words) ? words.map(String) : [];
    if (!isControlWord(name)) return { status: 400 };
    const result = this.#turn.then(() => ACTIONS[name](this.#world, rest));
    this.#turn = result.catch(() => undefined);
    const answer = await result.catch(
      (error: unknown): ControlAnswer => ({ exitCode: 1, lines: linesOf(error) }),
    );
    return { status: 200, body: answer };
  }
}

/** A mistake in the configuration has several lines. */
function linesOf(error: unknown): string[] {
  return (error instanceof Error ? error.message : String(error)).split('\n');
}
