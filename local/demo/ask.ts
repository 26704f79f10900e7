/** How the sub-shell of a demo asks the demo that runs. */

import { readFileSync } from 'node:fs';

/** The words with which a request to the running demo begins: `runpod-ecr demo WORD …`. */
export const CONTROL_WORDS = ['break', 'fix', 'cdk', 'aws'] as const;

/** One of these words. */
export type ControlWord = (typeof CONTROL_WORDS)[number];

/** The result of a request. */
export interface ControlAnswer {
  /** Exit code of the command that asked: 0 done, 1 failed, 2 not understood. */
  readonly exitCode: 0 | 1 | 2;
  readonly lines: readonly string[];
}

/** Returns whether a word begins a request to the running demo. */
export function isControlWord(word: string | undefined): word is ControlWord {
  return CONTROL_WORDS.some((known) => known === word);
}

/** With this value an option of the AWS CLI is read from standard input. */
const FROM_STDIN = 'file:///dev/stdin';

/**
 * Asks the running demo. A value that the AWS CLI would read from standard input is read here.
 *
 * @param address - of its `ControlServer`
 * @throws the error of `fetch` when the demo has ended
 */
export async function askDemo(address: string, words: readonly string[]): Promise<ControlAnswer> {
  const read = words.map((word) => (word === FROM_STDIN ? readFileSync(0, 'utf8') : word));
  const answer = await fetch(address, { method: 'POST', body: JSON.stringify({ words: read }) });
  return (await answer.json()) as ControlAnswer;
}
