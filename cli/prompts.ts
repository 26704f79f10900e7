/**
 * Questions at the terminal. A question returns the answer, or ends the command when the person cancels it. Messages
 * and labels pass `visibleLine`, because they may hold text from somebody else's server.
 */

import type { Writable } from 'node:stream';
import { Secret } from '../lambda/core/model';
import { CliError, usageError } from './errors';
import { EXIT } from './exit-codes';
import type { GlobalOptions } from './options';
import { hasColour } from './output';
import { isPlain } from './plain';
import type { Choice, Validate } from './plain-prompts';
import { visibleLine } from './visible';

export type { Choice, Validate };

/** Whether questions may be asked: standard input and output are a terminal, and the output is not a document. */
export function mayAsk({ json }: GlobalOptions): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true && !json;
}

/** Loads the questions of plain output; undefined when the output is not plain. */
async function plainPrompts() {
  return isPlain({ env: process.env, isTTY: true }) ? import('./plain-prompts') : undefined;
}

const output = () => terminalFor(process.stdout, hasColour(process.stdout, process.env));

/** Asks for a line of text. @param initial - text that the person may keep or change */
export async function askText(message: string, initial: string, validate: Validate): Promise<string> {
  const plain = await plainPrompts();
  if (plain) return answered(plain.askPlainText(visibleLine(message), initial, validate));
  const { text } = await import('@clack/prompts');
  return answered(
    text({
      message: visibleLine(message),
      ...(initial && { initialValue: initial }),
      validate: (value) => validate(value ?? ''),
      output: output(),
    }),
  );
}

/** Asks for a secret. The terminal does not show what is typed. */
export async function askSecret(message: string): Promise<Secret> {
  const plain = await plainPrompts();
  const validate = (value: string | undefined) =>
    value?.trim() ? undefined : 'Paste the key, then press Enter.';
  if (plain) return new Secret((await answered(plain.askPlainSecret(visibleLine(message), validate))).trim());
  const { password } = await import('@clack/prompts');
  const answer = await answered(password({ message: visibleLine(message), validate, output: output() }));
  return new Secret(answer.trim());
}

/** Asks to choose one option of a list. @returns its value */
export async function askChoice(message: string, choices: readonly Choice[]): Promise<string> {
  const plain = await plainPrompts();
  if (plain) {
    const [chosen = ''] = await answered(plain.askPlainChoices(visibleLine(message), visible(choices), 1));
    return chosen;
  }
  const { select } = await import('@clack/prompts');
  return answered(select({ message: visibleLine(message), options: visible(choices), output: output() }));
}

/** Asks to choose at least one option of a list. Typing filters the list. @returns the values */
export async function askChoices(message: string, choices: readonly Choice[]): Promise<string[]> {
  const plain = await plainPrompts();
  if (plain) return answered(plain.askPlainChoices(visibleLine(message), visible(choices)));
  const { autocompleteMultiselect } = await import('@clack/prompts');
  return answered(
    autocompleteMultiselect({
      message: `${visibleLine(message)} (type to search, Tab to choose)`,
      options: visible(choices),
      required: true,
      output: output(),
    }),
  );
}

/**
 * Asks which options of a list are wanted; none may be.
 *
 * @param chosen - values that are chosen at first
 * @param cancelled - what is shown when the person cancels
 * @returns the values, in the order of the list
 */
export async function askWhich(
  message: string,
  choices: readonly Choice[],
  { chosen, cancelled }: { readonly chosen: readonly string[]; readonly cancelled: string },
): Promise<string[]> {
  const plain = await plainPrompts();
  if (plain) {
    const asked = plain.askPlainWhich(visibleLine(message), visible(choices), chosen);
    const wanted = await answered(asked, cancelled);
    return choices.map(({ value }) => value).filter((value) => wanted.includes(value));
  }
  const { multiselect } = await import('@clack/prompts');
  const answer = await answered(
    multiselect({
      message: `${visibleLine(message)} (Space takes one out, Enter takes the rest)`,
      options: visible(choices),
      initialValues: chosen,
      required: false,
      output: output(),
    }),
    cancelled,
  );
  return choices.map(({ value }) => value).filter((value) => answer.includes(value));
}

function visible(choices: readonly Choice[]): Choice[] {
  return choices.map(({ value, label }) => ({ value, label: visibleLine(label) }));
}

/** Asks a question with yes or no. @param initial - the answer that is chosen at first */
export async function askYes(message: string, initial = false): Promise<boolean> {
  const plain = await plainPrompts();
  if (plain) return answered(plain.askPlainYes(visibleLine(message), initial));
  const { confirm } = await import('@clack/prompts');
  return answered(confirm({ message: visibleLine(message), initialValue: initial, output: output() }));
}

/** Reads a secret from standard input. @throws CliError (usage error) when that is a terminal, or empty */
export async function readSecretFromStdin(): Promise<Secret> {
  if (process.stdin.isTTY) {
    throw usageError('--key-stdin reads a file or a pipe, and this is a terminal: leave it out to be asked.');
  }
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8').trim();
  if (text === '') throw usageError('Standard input is empty: put the Runpod key there.');
  return new Secret(text);
}

const CANCELLED = 'Cancelled. Nothing was stored or written.';

/**
 * Waits for an answer. `@clack/prompts` answers with a symbol when the person presses Ctrl-C or Escape. When the input
 * ends it never answers, so the process would exit with code 0.
 */
async function answered<T>(question: Promise<T>, cancelled = CANCELLED): Promise<Exclude<T, symbol>> {
  const unanswered = () => {
    process.stderr.write(`\n${cancelled}\n`);
    process.exitCode = EXIT.interrupted;
  };
  process.once('beforeExit', unanswered);
  const answer = await question.finally(() => process.off('beforeExit', unanswered));
  if (typeof answer !== 'symbol') return answer as Exclude<T, symbol>;
  throw new CliError(cancelled, { exitCode: EXIT.interrupted });
}

/** A control sequence for colour or another rendition (ECMA-48, SGR). */
const RENDITION = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');

/** Returns the stream, or a stream that removes colours, because `@clack/prompts` ignores NO_COLOR on Node 20. */
function terminalFor<Stream extends Writable>(stream: Stream, colour: boolean): Stream {
  if (colour) return stream;
  return new Proxy(stream, {
    get(target, property) {
      if (property === 'write') {
        return (text: unknown, ...rest: unknown[]) =>
          Reflect.apply(target.write, target, [
            typeof text === 'string' ? text.replace(RENDITION, '') : text,
            ...rest,
          ]);
      }
      const value: unknown = Reflect.get(target, property);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
