import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RefreshReport } from '../../lambda/core/model';
import { type Invocation, LambdaRuntime } from '../../local/lambda-runtime';
import type { TargetSketch, World } from '../integration/world';
import { findLeaks } from '../support/find-leaks';
import { putFunction } from '../support/put-function';

/** What the second process came to, and the secrets that it put out. */
export interface SecondRun {
  readonly invocation: Invocation<RefreshReport>;
  readonly leaks: readonly string[];
}

/** Runs the function in a process beside the world's own: Lambda starts a second one when two events meet. */
export async function runBeside(world: World, targets: readonly TargetSketch[]): Promise<SecondRun> {
  const directory = mkdtempSync(join(tmpdir(), 'beside-'));
  putFunction(directory, {
    service: 'Test',
    targets: targets.map((target) => world.target(target)),
    runpod: world.cloud.runpod.settings(),
    minCredentialMinutes: 600,
  });
  const lambda = new LambdaRuntime({ assetDirectory: directory, environment: world.cloud.environment() });
  try {
    const invocation = await lambda.invoke<RefreshReport>({}, 60_000);
    const passwords = world.cloud.aws.ecr.issued.map(({ password }, index) => [
      `password ${index}`,
      password,
    ]);
    const text = `${invocation.output}\n${JSON.stringify([invocation.result, invocation.error])}`;
    const leaks = findLeaks(text, { 'api key': world.apiKey, ...Object.fromEntries(passwords) });
    return { invocation, leaks: leaks.map(({ secret, form }) => `${secret} leaked, ${form}`) };
  } finally {
    await lambda.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}
