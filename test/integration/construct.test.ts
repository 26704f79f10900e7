import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { Repository } from 'aws-cdk-lib/aws-ecr';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { RefreshReport } from '../../lambda/core/model';
import { RunpodEcrRefresher, RunpodRegistry } from '../../lib';
import type { CloudFormationTemplate } from '../../lib/synthesise';
import { LambdaRuntime } from '../../local/lambda-runtime';
import { eachTestIn, IMAGE, KEY_SECRET, type World } from './world';

let world: World;
let directory: string;

eachTestIn((fresh) => {
  world = fresh;
});

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'construct-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** The function of a synthesised refresher. */
interface Synthesised {
  readonly assetDirectory: string;
  /** Its environment. The values are intrinsic functions. */
  readonly environment: Readonly<Record<string, unknown>>;
}

/** Synthesises a refresher whose key and repository are created in the same app. */
function synthesised(): Synthesised {
  const { restV2Url, restV1Url, graphqlUrl } = world.cloud.runpod.settings();
  const app = new App({ outdir: directory, builtinCloudFormationValidation: false });
  const stack = new Stack(app, 'App');
  new RunpodEcrRefresher(stack, 'Pulls', {
    runpodApiKey: new Secret(stack, 'Key'),
    targets: [
      {
        name: 'prod',
        registryAuthName: 'prod',
        registry: RunpodRegistry.ecr({ repositories: [new Repository(stack, 'Repo')] }),
        verifyImageTag: '1.0.0',
      },
    ],
    restV2Url,
    restV1Url,
    graphqlUrl,
  });
  const template: CloudFormationTemplate = app.synth().getStackByName('App').template;
  const { Code, Environment } = functionIn(template);
  const assetDirectory = join(directory, `asset.${Code.S3Key.replace('.zip', '')}`);
  return { assetDirectory, environment: Environment.Variables };
}

/** The properties of the function that the test reads. */
interface FunctionProperties {
  readonly Code: { readonly S3Key: string };
  readonly Environment: { readonly Variables: Readonly<Record<string, unknown>> };
}

function functionIn({ Resources }: CloudFormationTemplate): FunctionProperties {
  const found = Object.keys(Resources).find((id) => /^PullsRefresherFunction[0-9A-F]{8}$/.test(id));
  return Resources[found ?? '']?.Properties as unknown as FunctionProperties;
}

describe('the function of a construct', () => {
  it('refreshes with the names that CloudFormation puts into its environment', async () => {
    world.addAuth('prod');
    const { assetDirectory, environment } = synthesised();
    const atDeployment = Object.fromEntries(
      Object.entries(environment).map(([name, value]) => [name, 'Ref' in Object(value) ? KEY_SECRET : IMAGE]),
    );
    const lambda = new LambdaRuntime({
      assetDirectory,
      environment: { ...world.cloud.environment(), ...atDeployment },
    });

    const { result } = await lambda.invoke<RefreshReport>({});

    await lambda.stop();
    expect(Object.keys(environment)).toEqual(['SETTING_1', 'SETTING_2']);
    expect(result?.refreshed).toMatchObject([{ target: 'prod', verified: true }]);
    expect(await world.canPull('prod')).toBe(true);
  });
});
