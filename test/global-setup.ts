import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfigFile } from '../lib/config/load';
import { parseConfig } from '../lib/config/parse';
import { toSettings } from '../lib/config/settings';
import { writeRefresher, writeWatch } from '../lib/function-code';
import { delegationAsset, synthesise } from '../lib/synthesise';
import { buildFunctions } from '../scripts/build-functions';
import { configJson } from './lib/config/builder';
import { BUILT } from './support/built-once';
import { bundlePrograms } from './support/bundled-programs';

const ROOT = join(__dirname, '..');

/** Builds once what many test files run, exactly as it would be deployed. */
export default async function globalSetup(): Promise<() => void> {
  // The AWS SDK reads it. Its notice about Node 20 would stand between the results.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  buildFunctions();
  const directory = mkdtempSync(join(tmpdir(), 'built-once-'));
  const put = (what: keyof typeof BUILT, path: string) => {
    process.env[BUILT[what]] = path;
    return path;
  };
  const programs = bundlePrograms(put('programs', join(directory, 'programs')));
  const assembly = put('assembly', join(directory, 'cdk.out'));
  put(
    'asset',
    synthesise(readConfigFile(join(ROOT, 'refresher.config.example.json')), assembly).assetDirectory,
  );
  const allRegistries = readConfigFile(join(ROOT, 'refresher.config.all-registries.example.json'));
  const settings = toSettings(allRegistries);
  writeRefresher(put('bundle', join(directory, 'all-registries')), settings.targets, settings);
  writeWatch(put('watch', join(directory, 'watch')), settings);
  put('delegationAsset', synthesiseDelegation(join(directory, 'delegation')));
  await programs;
  return () => rmSync(directory, { recursive: true, force: true });
}

function synthesiseDelegation(outdir: string): string {
  const alarms = { emails: ['oncall@example.com'] };
  const delegations = [{ repository: 'my-app' }];
  const config = parseConfig(JSON.stringify(configJson({ alarms, delegations })), 'test');
  return delegationAsset(synthesise(config, outdir, { region: 'eu-west-1' }).template, outdir);
}
