import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfigFile } from '../../lib/config/load';
import { synthesise } from '../../local/synthesise';

/** Where the integration tests find the asset that synth made. */
export const ASSET_VARIABLE = 'REFRESHER_ASSET_UNDER_TEST';

/** Synthesises the example once, so that the integration tests run the bundle that would be deployed. */
export default function globalSetup(): () => void {
  // Read by the AWS SDK: its warning of Node 20 would stand between the tests.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  const outdir = mkdtempSync(join(tmpdir(), 'integration-'));
  const example = join(__dirname, '../../refresher.config.example.json');
  process.env[ASSET_VARIABLE] = synthesise(readConfigFile(example), outdir).assetDirectory;
  return () => rmSync(outdir, { recursive: true, force: true });
}
