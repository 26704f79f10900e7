import { ApiKeyRefusedError, TransientError } from '../../../lambda/core/errors';
import { Secret } from '../../../lambda/core/model';
import { ApiKey } from '../../../lambda/core/secrets';
import { rejectionOf } from '../../support/thrown';

const REFUSED = new ApiKeyRefusedError('Runpod refused the API key');

/** A key of a run over a secret that holds these values, one after the other; the last one stays. */
function aKeyThatReads(...values: (string | Error)[]) {
  const reads: (string | Error)[] = [];
  const again: boolean[] = [];
  const key = new ApiKey(async (readAgain) => {
    again.push(readAgain);
    const value = values[Math.min(reads.length, values.length - 1)] ?? '';
    reads.push(value);
    if (value instanceof Error) throw value;
    return { key: new Secret(value) };
  });
  return { key, reads, again };
}

/** Runpod as far as the key goes: refuses these keys, and notes each that it is offered. */
function aRunpodThatRefuses(...dead: string[]) {
  const offered: string[] = [];
  const write = async (apiKey: Secret) => {
    offered.push(apiKey.reveal());
    await Promise.resolve();
    if (dead.includes(apiKey.reveal())) throw REFUSED;
    return `written with ${apiKey.reveal()}`;
  };
  return { offered, write };
}

describe('ApiKey', () => {
  it('reads the key once for many targets', async () => {
    const { key, reads } = aKeyThatReads('good');
    const { write } = aRunpodThatRefuses();

    await Promise.all(Array.from({ length: 20 }, () => key.use(write)));

    expect(reads).toHaveLength(1);
  });

  it('reads a refused key again once, and tries once more', async () => {
    const { key, reads, again } = aKeyThatReads('old', 'new');
    const { write, offered } = aRunpodThatRefuses('old');

    const result = await key.use(write);

    expect(result).toBe('written with new');
    expect(offered).toEqual(['old', 'new']);
    expect(reads).toHaveLength(2);
    expect(again).toEqual([false, true]);
  });

  it('reads afresh once for all the targets that were refused at the same time', async () => {
    const { key, reads } = aKeyThatReads('old', 'new');
    const { write } = aRunpodThatRefuses('old');

    const results = await Promise.all(Array.from({ length: 10 }, () => key.use(write)));

    expect(new Set(results)).toEqual(new Set(['written with new']));
    expect(reads).toHaveLength(2);
  });

  it('gives the fresh key to the targets that come later', async () => {
    const { key, reads } = aKeyThatReads('old', 'new');
    const { write, offered } = aRunpodThatRefuses('old');
    await key.use(write);

    await key.use(write);

    expect(offered).toEqual(['old', 'new', 'new']);
    expect(reads).toHaveLength(2);
  });

  it('does not offer a key again that was refused twice', async () => {
    const { key, reads } = aKeyThatReads('dead');
    const { write, offered } = aRunpodThatRefuses('dead');
    await rejectionOf(key.use(write));

    const failure = await rejectionOf(key.use(write));

    expect(failure).toBe(REFUSED);
    expect(offered).toEqual(['dead', 'dead']);
    expect(reads).toHaveLength(2);
  });

  it('does not offer a dead key twice for a target that came between', async () => {
    const { key } = aKeyThatReads('dead');
    const { write, offered } = aRunpodThatRefuses('dead');
    const between: Promise<unknown>[] = [];
    const first = key.use(async (apiKey) => {
      if (offered.length === 1) between.push(rejectionOf(key.use(write)));
      return write(apiKey);
    });

    await rejectionOf(first);
    await Promise.all(between);

    expect(offered).toHaveLength(3);
  });

  it('does not read afresh for any other failure', async () => {
    const { key, reads } = aKeyThatReads('good');
    const outage = new TransientError('it answered 503');

    const failure = await rejectionOf(key.use(() => Promise.reject(outage)));

    expect(failure).toBe(outage);
    expect(reads).toHaveLength(1);
  });

  it('fails every target with the failure to read', async () => {
    const unreadable = new TransientError('secretsmanager:GetSecretValue');
    const { key, reads } = aKeyThatReads(unreadable);
    const { write, offered } = aRunpodThatRefuses();

    const failures = await Promise.all([rejectionOf(key.ready()), rejectionOf(key.use(write))]);

    expect(failures).toEqual([unreadable, unreadable]);
    expect(offered).toEqual([]);
    expect(reads).toHaveLength(1);
  });

  it('fails with the failure to read afresh', async () => {
    const unreadable = new TransientError('secretsmanager:GetSecretValue');
    const { key } = aKeyThatReads('old', unreadable);
    const { write } = aRunpodThatRefuses('old');

    const failures = await Promise.all([rejectionOf(key.use(write)), rejectionOf(key.use(write))]);

    expect(failures).toEqual([unreadable, unreadable]);
  });

  it('is no crash when nobody uses a key that cannot be read', async () => {
    const crashes: unknown[] = [];
    const note = (reason: unknown) => crashes.push(reason);
    process.on('unhandledRejection', note);

    aKeyThatReads(new TransientError('secretsmanager:GetSecretValue'));
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note);

    expect(crashes).toEqual([]);
  });
});
