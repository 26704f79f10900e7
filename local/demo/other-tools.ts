/**
 * The commands of the CDK and of the AWS CLI that `doctor` suggests. In the demo they need neither tool, and cannot reach
 * a real account.
 */

import type { ControlAnswer } from './ask';
import type { DemoWorld } from './demo-world';

/** Does what `npx cdk deploy` does. `--revert-drift` also undoes what was changed by hand. */
export async function runCdkCommand(world: DemoWorld, words: readonly string[]): Promise<ControlAnswer> {
  if (words[0] === 'bootstrap') return { exitCode: 0, lines: ['The embedded cloud needs no bootstrap.'] };
  if (words[0] !== 'deploy') return notUnderstood(`cdk ${words[0] ?? ''}`, 'cdk deploy [--revert-drift]');
  await world.deploy();
  if (words.includes('--revert-drift')) world.revertDrift();
  return { exitCode: 0, lines: ['The stack is deployed from refresher.config.json.'] };
}

/** What an AWS CLI command does. @returns a line, or undefined when there is no such resource */
type AwsCommand = (world: DemoWorld, option: (name: string) => string) => string | undefined;

const AWS_COMMANDS: Readonly<Record<string, AwsCommand>> = {
  'events enable-rule': ({ cloud }, option) => {
    const { rules } = cloud.operatorAws.observations;
    if (!rules.has(option('name'))) return undefined;
    rules.set(option('name'), 'ENABLED');
    return 'The rule is enabled.';
  },
  'sqs purge-queue': ({ cloud }, option) => {
    const { queues } = cloud.operatorAws.observations;
    if (!queues.has(option('queue-url'))) return undefined;
    queues.set(option('queue-url'), 0);
    return 'The queue is empty.';
  },
  'cloudwatch enable-alarm-actions': ({ cloud }, option) => {
    const alarm = cloud.operatorAws.observations.alarms.get(option('alarm-names'));
    if (!alarm) return undefined;
    alarm.muted = false;
    return 'The alarm notifies its topics again.';
  },
  'sns subscribe': ({ cloud }, option) => {
    const { topics } = cloud.operatorAws;
    if (!topics.topics.has(option('topic-arn'))) return undefined;
    topics.subscribe(option('topic-arn'), option('protocol'), option('notification-endpoint'));
    topics.confirmAll();
    return 'A mail is on its way. In the demo its link has been followed.';
  },
  'cloudformation delete-stack': ({ cloud }, option) =>
    cloud.operatorAws.stacks.stacks.delete(option('stack-name')) ? 'The stack is deleted.' : undefined,
};

/** Does what an AWS CLI command does, if it is one that `doctor` suggests in the demo. */
export async function runAwsCommand(world: DemoWorld, words: readonly string[]): Promise<ControlAnswer> {
  const name = words.slice(0, 2).join(' ');
  const command = Object.hasOwn(AWS_COMMANDS, name) ? AWS_COMMANDS[name] : undefined;
  if (!command) return notUnderstood(`aws ${name}`, Object.keys(AWS_COMMANDS).join(', '));
  const option = (wanted: string) => words[words.indexOf(`--${wanted}`, 2) + 1] ?? '';
  const line = command(world, option);
  return line === undefined
    ? { exitCode: 1, lines: [`There is no such resource in the demo: aws ${words.join(' ')}`] }
    : { exitCode: 0, lines: [line] };
}

function notUnderstood(command: string, known: string): ControlAnswer {
  return {
    exitCode: 2,
    lines: [`The demo has no ${command.trim()}. It has what doctor suggests: ${known}.`],
  };
}
