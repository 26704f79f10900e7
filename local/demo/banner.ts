/** The welcome of a demo. */

/** What to type, and what it does. */
const COMMANDS = [
  ['npx runpod-ecr doctor', 'check everything'],
  ['npx runpod-ecr status', 'targets, next run, alarms, the watch'],
  ['npx runpod-ecr refresh', 'run the function now'],
  ['demo break list', 'what can be broken'],
  ['demo break key', 'break it; then ask doctor, and do what it says'],
  ['demo fix', 'repair everything'],
] as const;

/** Width of the column with the commands. */
const COMMAND_COLUMNS = 31;

/**
 * Returns what is shown before the first prompt.
 *
 * @param directory - the folder of the demo
 * @param config - name of the configuration file in it
 * @param columns - width of the terminal. @default - the lines may have any width
 */
export function banner(directory: string, config: string, columns = Number.POSITIVE_INFINITY): string[] {
  const longest = Math.max(...COMMANDS.map(([, what]) => what.length));
  const fits = COMMAND_COLUMNS + longest + 2 <= columns;
  return [
    'A refresher is deployed in an embedded cloud on this machine. No account is used, and nothing is sent out.',
    '',
    ...COMMANDS.flatMap(([command, what]) =>
      fits ? [`  ${command.padEnd(COMMAND_COLUMNS)}${what}`] : [`  ${command}`, `      ${what}`],
    ),
    '',
    `You are in ${directory}, with ${config}.`,
    'Leave with exit or Ctrl-D: everything is stopped and removed.',
    '',
  ];
}
