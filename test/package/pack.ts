/** Makes the tarball once, before the first test, exactly as it would be published. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Packed, setPacked } from './packed';
import { NPM, ROOT, run } from './run-program';

/** jest's global setup. Returns the teardown. */
export default async function pack(): Promise<() => void> {
  // The AWS SDK reads it. Its notice about Node 20 would stand between the results.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  const directory = mkdtempSync(join(tmpdir(), 'package-'));
  run(NPM, ['run', 'build'], ROOT);
  const answer = run(NPM, ['pack', '--ignore-scripts', '--json', '--pack-destination', directory], ROOT);
  const [report]: NpmPackReport[] = JSON.parse(answer);
  if (!report) throw new Error('npm pack reported nothing');
  const tarball = join(directory, report.filename);
  const folder = join(directory, 'unpacked');
  mkdirSync(folder);
  run('tar', ['-xzf', tarball, '-C', folder], ROOT);
  const packed: Packed = {
    tarball,
    folder: join(folder, 'package'),
    packedBytes: report.size,
    unpackedBytes: report.unpackedSize,
    files: report.files.map(({ path }) => path),
  };
  const file = join(directory, 'packed.json');
  writeFileSync(file, JSON.stringify(packed));
  setPacked(file);
  return () => rmSync(directory, { recursive: true, force: true });
}

/** What `npm pack --json` prints, in part. */
interface NpmPackReport {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}
