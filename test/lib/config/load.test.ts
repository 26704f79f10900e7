import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { loadConfig, readConfigFile } from '../../../lib/config/load';
import { configJson } from './builder';

describe('loadConfig', () => {
  let root: string;
  const nodeWith = (context: Record<string, unknown>) =>
    new App({ context, outdir: join(root, 'cdk.out') }).node;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'config-'));
  });

  afterEach(() => {
    rmSync(root, { recursive: true });
  });

  it('reads refresher.config.json in the root when the context names no file', () => {
    writeFileSync(join(root, 'refresher.config.json'), JSON.stringify(configJson({ stackName: 'Mine' })));

    expect(loadConfig(nodeWith({}), root).stackName).toBe('Mine');
  });

  it('says how to create a configuration when there is none', () => {
    expect(() => loadConfig(nodeWith({}), root)).toThrow(
      `There is no refresher.config.json in ${root}. Write one with npx runpod-ecr init, or name another with -c config=PATH.`,
    );
  });

  it('reads the file that the context names', () => {
    const file = join(root, 'team.json');
    writeFileSync(file, JSON.stringify(configJson({ stackName: 'Team' })));

    expect(loadConfig(nodeWith({ config: file }), root).stackName).toBe('Team');
  });

  it('names a file of the folder with a similar name', () => {
    writeFileSync(join(root, 'team.json'), '{}');

    expect(() => loadConfig(nodeWith({ config: join(root, 'taem.json') }), root)).toThrow(
      `taem.json does not exist. Did you mean ${join(root, 'team.json')}?`,
    );
  });

  it('refuses a named file that does not exist', () => {
    expect(() => loadConfig(nodeWith({ config: 'missing.json' }), root)).toThrow(
      'missing.json does not exist. Check the path that was given. To write a new file: npx runpod-ecr init --config missing.json',
    );
  });

  it.each([[''], [{ targets: [] }]])('refuses a context that is not a path: %j', (named) => {
    expect(() => loadConfig(nodeWith({ config: named }), root)).toThrow(
      'must be the path of a configuration file',
    );
  });

  it.each<[string, BufferEncoding, string]>([
    ['UTF-16', 'utf16le', '\uFEFF'],
    ['UTF-16 without a byte order mark', 'utf16le', ''],
    ['Latin-1', 'latin1', 'ü'],
  ])('refuses a file in %s, and says how to save it', (_, encoding, before) => {
    const file = join(root, 'team.json');
    writeFileSync(file, `${before}${JSON.stringify(configJson())}`, encoding);

    expect(() => readConfigFile(file, 'team.json')).toThrow(
      'team.json is not UTF-8 text. Save it with the encoding UTF-8.',
    );
  });

  it('refuses a directory', () => {
    mkdirSync(join(root, 'team'));

    expect(() => readConfigFile(join(root, 'team'), 'team')).toThrow('team cannot be read (EISDIR).');
  });
});

describe('refresher.config.example.json', () => {
  it('is a valid configuration', () => {
    const config = readConfigFile(join(__dirname, '../../../refresher.config.example.json'));

    expect(config.targets.map(({ name }) => name)).toEqual(['prod', 'staging']);
  });
});
