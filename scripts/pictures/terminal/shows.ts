/** The commands whose terminals are shown. */

/** One command, and what its picture says. */
export interface Show {
  /** Name of the recording and of the pictures. */
  readonly name: string;
  /** The command as a person types it. */
  readonly command: string;
  readonly title: string;
  /** What the picture says, for those who cannot see it. */
  readonly description: string;
  readonly exitCode: 0 | 1;
}

/** The columns of the terminal. They fill a README at a readable size. */
export const COLUMNS = 92;

/** Every terminal picture. */
export const SHOWS: readonly Show[] = [
  {
    name: 'terminal-start',
    command: 'npm start',
    title: 'npm start',
    description:
      'The output of npm start. A worker cannot pull its image: 401 unauthorized. The function refreshes the registry auth, and the worker pulls. Then the watch finds a tag that was deleted.',
    exitCode: 0,
  },
  {
    name: 'terminal-doctor',
    command: 'npx runpod-ecr demo --break key -- doctor',
    title: 'runpod-ecr doctor, after the Runpod API key was revoked',
    description:
      'The output of doctor, one line for each check. The Runpod API key is refused, and a line below says how to fix it. What depends on the key is not checked; everything else is. The last lines name the first problem.',
    exitCode: 1,
  },
  {
    name: 'terminal-deploy',
    command:
      'npx runpod-ecr demo -- deploy images --target prod --yes \\\n    --image 123456789012.dkr.ecr.us-east-1.amazonaws.com/my-serverless-worker:1.5.0-rc1',
    title: 'runpod-ecr deploy',
    description:
      'The output of deploy. It shows the endpoint, the old and the new image with its digest, the registry auth, and the proof that the image can be pulled. Then it follows the roll-out until the worker runs the new image.',
    exitCode: 0,
  },
];

/** What a command becomes, so that npm's own messages are not recorded and nothing is built twice. */
const WITHOUT_NPM: readonly (readonly [typed: RegExp, run: string])[] = [
  [/^npm start\b/, 'node_modules/.bin/tsx cli/start.ts'],
  [/^npx runpod-ecr\b/, 'node bin/runpod-ecr.mjs'],
];

/** Returns the shell command that is run for a command as typed. */
export function runnable(command: string): string {
  return WITHOUT_NPM.reduce((text, [typed, run]) => text.replace(typed, run), command);
}

/**
 * What differs from run to run or from machine to machine. A recording is kept as long as a new one differs from it in
 * these parts only. So the pictures show what was really printed once, and do not change without a reason.
 */
const VOLATILE: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?( UTC|Z)?/g, 'TIME'],
  [/ *\b\d+\.\d\d s\b/g, 'SECONDS'],
  [/\b\d+ (ms|s|min|h|KB|bytes)\b/g, 'AMOUNT'],
  [/127\.0\.0\.1:\d+/g, '127.0.0.1:PORT'],
  [/[✓✗!] Node\.js [\s\S]*?(?=\n[✓✗!·] )/g, 'NODE VERSION'],
  [/\/\S*\/runpod-ecr-demo-\w+/g, 'FOLDER'],
];

/** Returns a text without what may differ. */
export function stablePart(text: string): string {
  return VOLATILE.reduce((stable, [pattern, name]) => stable.replace(pattern, name), text);
}
