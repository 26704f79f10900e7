/**
 * The commands of the CDK and of the AWS CLI that `doctor` and the runbook use. In the demo they need neither tool, and cannot reach
 * a real account.
 */

import type { ControlAnswer } from './ask';
import { AWS_COMMANDS, printed } from './aws-cli';
import type { DemoWorld } from './demo-world';

/** Does what `npx cdk deploy` does. `--revert-drift` also undoes what was changed by hand. */
export async function runCdkCommand(world: DemoWorld, words: readonly string[]): Promise<ControlAnswer> {
  if (words[0] === 'bootstrap') return { exitCode: 0, lines: ['The embedded cloud needs no bootstrap.'] };
  if (words[0] !== 'deploy') return notUnderstood(`cdk ${words[0] ?? ''}`, 'cdk deploy [--revert-drift]');
  await world.deployWithRefresh({ revert: words.includes('--revert-drift') });
  return { exitCode: 0, lines: ['The stack is deployed from refresher.config.json.'] };
}

/** Does what an AWS CLI command does, if it is one of the runbook's or one that `doctor` suggests in the demo. */
export async function runAwsCommand(world: DemoWorld, words: readonly string[]): Promise<ControlAnswer> {
  const name = words.slice(0, 2).join(' ');
  const command = Object.hasOwn(AWS_COMMANDS, name) ? AWS_COMMANDS[name] : undefined;
  if (!command) return notUnderstood(`aws ${name}`, Object.keys(AWS_COMMANDS).join(', '));
  const option = (wanted: string) => {
    const at = words.indexOf(`--${wanted}`, 2);
    return at === -1 ? '' : (words[at + 1] ?? '');
  };
  const answer = await command(world, option);
  if (answer === undefined) {
    return { exitCode: 1, lines: [`There is no such resource in the demo: aws ${words.join(' ')}`] };
  }
  const lines = printed(answer, option);
  return lines
    ? { exitCode: 0, lines }
    : notUnderstood(`--query ${option('query')}`, 'the queries of the runbook');
}

function notUnderstood(command: string, known: string): ControlAnswer {
  return {
    exitCode: 2,
    lines: [`The demo has no ${command.trim()}. It has what doctor and the runbook use: ${known}.`],
  };
}
