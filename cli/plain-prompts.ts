/** Questions for a screen reader or a simple terminal: one line each, nothing is redrawn, and no key is special. */

import { createInterface, type Interface } from 'node:readline/promises';
import { Writable } from 'node:stream';

/** One option of a list. */
export interface Choice {
  readonly value: string;
  readonly label: string;
}

/** Returns why an answer is not valid; `undefined` for a valid answer. */
export type Validate = (answer: string) => string | undefined;

/** The answer of a person who pressed Ctrl-C. */
const CANCELLED_ANSWER: unique symbol = Symbol('cancelled');

/** Returns a stream that drops what is typed, so that it is not shown. */
const nowhere = () => new Writable({ write: (_chunk, _encoding, done) => done() });

/** Asks until `parse` accepts the answer. @param parse - returns the value, or a text that says why there is none */
async function ask<T>(
  question: string,
  parse: (answer: string) => { readonly value: T } | string,
  { hidden = false } = {},
): Promise<T | typeof CANCELLED_ANSWER> {
  const shown = question.replaceAll('…', '...');
  for (;;) {
    if (hidden) process.stdout.write(shown);
    const output = hidden ? nowhere() : process.stdout;
    // Without `terminal` the line is edited by the terminal itself, and Ctrl-C reaches the process.
    const lines = createInterface({ input: process.stdin, output, terminal: hidden });
    const answer = await answerOf(lines, hidden ? '' : shown);
    lines.close();
    if (hidden) process.stdout.write('\n');
    if (answer === CANCELLED_ANSWER) return answer;
    const parsed = parse(answer);
    if (typeof parsed !== 'string') return parsed.value;
    process.stdout.write(`${parsed}\n`);
  }
}

function answerOf(lines: Interface, question: string): Promise<string | typeof CANCELLED_ANSWER> {
  return new Promise((resolve) => {
    // Ctrl-C while nothing is shown, and the end of the input.
    for (const event of ['SIGINT', 'close']) lines.once(event, () => resolve(CANCELLED_ANSWER));
    lines.question(question).then(resolve, () => resolve(CANCELLED_ANSWER));
  });
}

/** Asks for a line of text. An empty answer means `initial`. */
export function askPlainText(message: string, initial: string, validate: Validate) {
  return ask(`${message}${initial ? ` [${initial}]` : ''}: `, (answer) => {
    const value = answer.trim() || initial;
    return validate(value) ?? { value };
  });
}

/** Asks for a secret. The terminal does not show what is typed. */
export function askPlainSecret(message: string, validate: Validate) {
  return ask(`${message}: `, (answer) => validate(answer) ?? { value: answer }, {
    hidden: true,
  });
}

/**
 * Asks for the numbers of those options of a list that are wanted. An empty answer means `chosen`, and 0 means none.
 *
 * @param chosen - values
 */
export function askPlainWhich(message: string, choices: readonly Choice[], chosen: readonly string[]) {
  const hint = `numbers from 1 to ${choices.length}, with commas between, or 0 for none`;
  const numbers = choices.flatMap(({ value }, at) => (chosen.includes(value) ? [at + 1] : []));
  const initial = numbers.join(', ') || '0';
  return ask(`${message}\n${listOf(choices)}Type ${hint} [${initial}]: `, (answer) => {
    const words = wordsOf(answer.trim() || initial);
    if (words.length === 1 && words[0] === '0') return { value: [] };
    return valuesOf(words, choices) ?? `These are not ${hint}.`;
  });
}

function listOf(choices: readonly Choice[]): string {
  return choices.map(({ label }, at) => `  ${at + 1}. ${label}\n`).join('');
}

function wordsOf(answer: string): string[] {
  return answer.split(/[\s,]+/).filter((word) => word !== '');
}

/** Returns the values with these numbers, each once; undefined when a word is no number of an option. */
function valuesOf(
  words: readonly string[],
  choices: readonly Choice[],
): { readonly value: string[] } | undefined {
  const values = words.flatMap((word) =>
    /^\d+$/.test(word) ? (choices[Number(word) - 1]?.value ?? []) : [],
  );
  return values.length === words.length ? { value: [...new Set(values)] } : undefined;
}

/** Asks for the numbers of some options of a list. @param most - how many may be chosen */
export function askPlainChoices(message: string, choices: readonly Choice[], most = choices.length) {
  const one = most === 1;
  const hint = one
    ? `a number from 1 to ${choices.length}`
    : `numbers from 1 to ${choices.length}, with commas between`;
  return ask(`${message}\n${listOf(choices)}Type ${hint}: `, (answer) => {
    const words = wordsOf(answer);
    const isCount = words.length > 0 && words.length <= most;
    return (isCount && valuesOf(words, choices)) || `This is not ${hint}.`;
  });
}

/** Asks a question with yes or no. An empty answer means `initial`. */
export function askPlainYes(message: string, initial: boolean) {
  return ask(`${message} Type yes or no [${initial ? 'yes' : 'no'}]: `, (answer) => {
    const word = answer.trim().toLowerCase();
    if (word === '') return { value: initial };
    if (/^(y|yes)$/.test(word)) return { value: true };
    return /^(n|no)$/.test(word) ? { value: false } : 'Type yes or no.';
  });
}
