import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RefreshReport } from '../../lambda/core/model';
import { type Invocation, LambdaRuntime } from '../../local/lambda-runtime';
import type { TargetSketch, World } from '../integration/world';
import { findLeaks } from '../support/find-leaks';
import { putFunction } from '../support/put-function';

/** The invocation in the second process, and the secrets in its output. */
export interface SecondRun {
  readonly invocation: Invocation<RefreshReport>;
  readonly leaks: readonly string[];
}

/** Runs the function in a second process. Lambda starts one when two events arrive at the same time. */
export async function runInSecondProcess(world: World, targets: readonly TargetSketch[]): Promise<SecondRun> {
  const directory = mkdtempSync(join(tmpdir(), 'second-process-'));
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
