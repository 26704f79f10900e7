/** Questions at the terminal. Each returns the answer, or ends the command when the person ends it. */

import { Secret } from '../lambda/core/model';
import { CliError, wrongUse } from './errors';
import { hasColour } from './output';
import { terminalFor } from './terminal';

/** One thing to choose. */
export interface Choice {
  readonly value: string;
  readonly label: string;
}

/** Says why an answer will not do; nothing where it will. */
export type Validate = (answer: string) => string | undefined;

/** Whether somebody sits at the terminal. */
export function isInteractive(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true;
}

const output = () => terminalFor(process.stdout, hasColour(process.stdout, process.env));

/** Asks for a line of text. */
export async function askText(message: string, initial: string, validate: Validate): Promise<string> {
  const { text } = await import('@clack/prompts');
  return answered(
    text({
      message,
      ...(initial && { initialValue: initial }),
      validate: (value) => validate(value ?? ''),
      output: output(),
    }),
  );
}

/** Asks for a secret. What is typed is not shown. */
export async function askSecret(message: string): Promise<Secret> {
  const { password } = await import('@clack/prompts');
  const answer = await answered(
    password({
      message,
      validate: (value) => (value?.trim() ? undefined : 'Paste the key, then press Enter.'),
      output: output(),
    }),
  );
  return new Secret(answer.trim());
}

/** Asks to choose one of a list. */
export async function askChoice(message: string, choices: readonly Choice[]): Promise<string> {
  const { select } = await import('@clack/prompts');
  return answered(select({ message, options: [...choices], output: output() }));
}

/** Asks to choose at least one of a list; typing narrows it. */
export async function askChoices(message: string, choices: readonly Choice[]): Promise<string[]> {
  const { autocompleteMultiselect } = await import('@clack/prompts');
  return answered(
    autocompleteMultiselect({ message, options: [...choices], required: true, output: output() }),
  );
}

/** Asks yes or no; no unless the person says yes. */
export async function askYes(message: string): Promise<boolean> {
  const { confirm } = await import('@clack/prompts');
  return answered(confirm({ message, initialValue: false, output: output() }));
}

/** Reads a secret from standard input to its end. @throws CliError (wrong use) when that is a terminal, or empty */
export async function readSecretFromStdin(): Promise<Secret> {
  if (process.stdin.isTTY) {
    throw wrongUse('--key-stdin reads a file or a pipe, and this is a terminal: leave it out to be asked.');
  }
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8').trim();
  if (text === '') throw wrongUse('Standard input is empty: put the Runpod key there.');
  return new Secret(text);
}

const ENDED = 'Ended. Nothing was stored or written.';

/** The prompts answer a symbol when the person presses Ctrl-C or Escape, and nothing ever when the input ends. */
async function answered<T>(question: Promise<T>): Promise<Exclude<T, symbol>> {
  const unanswered = () => {
    process.stderr.write(`\n${ENDED}\n`);
    process.exitCode = 130;
  };
  process.once('beforeExit', unanswered);
  const answer = await question.finally(() => process.off('beforeExit', unanswered));
  if (typeof answer !== 'symbol') return answer as Exclude<T, symbol>;
  throw new CliError(ENDED, { exitCode: 130 });
}
