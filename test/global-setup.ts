import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfigFile } from '../../lib/config/load';
import { toSettings } from '../../lib/config/settings';
import { bundleFunction } from '../../lib/refresher-code';
import { synthesise } from '../../local/synthesise';

/** Where the tests find the asset that synth made for the example configuration. */
export const ASSET_VARIABLE = 'REFRESHER_ASSET_UNDER_TEST';

/** Where the integration tests find the function as it is bundled for all kinds of registry. */
export const BUNDLE_VARIABLE = 'REFRESHER_BUNDLE_UNDER_TEST';

/** Synthesises and bundles once, so that the integration tests run what would be deployed. */
export default function globalSetup(): () => void {
  // Read by the AWS SDK: its warning of Node 20 would stand between the tests.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  const outdir = mkdtempSync(join(tmpdir(), 'integration-'));
  const root = join(__dirname, '../..');
  const example = readConfigFile(join(root, 'refresher.config.example.json'));
  process.env[ASSET_VARIABLE] = synthesise(example, outdir).assetDirectory;
  const allRegistries = readConfigFile(join(root, 'refresher.config.all-registries.example.json'));
  const bundle = join(outdir, 'all-registries');
  bundleFunction(bundle, toSettings(allRegistries));
  process.env[BUNDLE_VARIABLE] = bundle;
  return () => rmSync(outdir, { recursive: true, force: true });
}
