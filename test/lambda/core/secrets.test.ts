import { ApiKeyRefusedError, OperatorMustActError, TransientError } from '../../../lambda/core/errors';
import { Secret } from '../../../lambda/core/model';
import { ApiKey, createApiKeyReader, createSecretReader, parseApiKey } from '../../../lambda/core/secrets';
import { FakeClock, NOON } from '../../support/fake-clock';
import { findLeaksInError } from '../../support/find-leaks';
import { anAwsRefusal, aSecretsManager, theSecret, type WireAnswer } from '../../support/secrets-manager';
import { rejectionOf, thrownBy, unhandledRejectionsDuring } from '../../support/thrown';

const KEY = 'rpa_Vq7Zt2LmXwK9QpB3sTyU';

describe('parseApiKey', () => {
  it.each([
    ['the key itself', KEY],
    ['the key with a line break after it', `${KEY}\n`],
    ['the key between spaces', `  ${KEY}\t`],
    ['an object', JSON.stringify({ apiKey: KEY })],
    ['the key after a byte order mark', `\uFEFF${KEY}`],
    ['an object after a byte order mark', `\uFEFF${JSON.stringify({ apiKey: KEY })}`],
    ['a binary value', new TextEncoder().encode(`${KEY}\n`)],
    ['a binary value with a byte order mark', new TextEncoder().encode(`\uFEFF${KEY}`)],
    ['a binary object', new TextEncoder().encode(JSON.stringify({ apiKey: KEY }))],
    ['an object over several lines', JSON.stringify({ note: 'made by hand', apiKey: ` ${KEY} ` }, null, 2)],
  ])('reads %s', (_, value) => {
    expect(parseApiKey('runpod/api-key', value).reveal()).toBe(KEY);
  });

  it.each<[string, unknown, string]>([
    ['nothing', undefined, 'an empty value'],
    ['an empty binary value', new Uint8Array(), 'an empty value'],
    ['UTF-16 text', Buffer.from(`\uFEFF${KEY}`, 'utf16le'), 'a binary value that is not UTF-8 text'],
    ['UTF-16 text without a mark', Buffer.from(KEY, 'utf16le'), 'a binary value that is not UTF-8 text'],
    ['bytes that are no text', Uint8Array.of(0x80, 0xff), 'a binary value that is not UTF-8 text'],
    ['an empty text', '', 'a value that is empty'],
    ['white space', ' \n ', 'a value that is empty'],
    ['two words', `Bearer ${KEY}`, 'spaces or line breaks'],
    ['two lines', `${KEY}\n${KEY}`, 'spaces or line breaks'],
    ['a character that a header cannot hold', `${KEY}ü`, 'spaces or line breaks'],
    ['a key in quotation marks', `"${KEY}"`, 'quotation marks'],
    ['a key with one quotation mark', `${KEY}'`, 'quotation marks'],
    [
      'an object whose field is in quotation marks',
      JSON.stringify({ apiKey: `"${KEY}"` }),
      'quotation marks',
    ],
    ['half an object', `{"apiKey": "${KEY}"`, 'begins like JSON but is not'],
    ['an object with another field', JSON.stringify({ api_key: KEY }), 'without a text field apiKey'],
    ['an object with a number', '{"apiKey": 7}', 'without a text field apiKey'],
    ['an object with an empty field', '{"apiKey": ""}', 'a value that is empty'],
    ['an object with two words', JSON.stringify({ apiKey: `Bearer ${KEY}` }), 'spaces or line breaks'],
  ])('refuses %s without quoting it', (_, value, found) => {
    const error = thrownBy(() => parseApiKey('runpod/api-key', value));

    expect(error).toBeInstanceOf(OperatorMustActError);
    expect(error).toMatchObject({ reason: 'secret-unusable' });
    expect(String(error)).toContain('secret runpod/api-key: expected the Runpod API key itself');
    expect(String(error)).toContain(found);
    expect(findLeaksInError(error, { KEY })).toEqual([]);
  });
});

describe('createApiKeyReader', () => {
  /** Reads a key once from this answer of Secrets Manager. */
  function read(answer: WireAnswer, secretName = 'runpod/api-key') {
    const { client } = aSecretsManager(answer);
    const readKey = createApiKeyReader(createSecretReader(client, new FakeClock()));
    return readKey(secretName, { deadlineMs: NOON + 60_000 });
  }

  it('returns the key', async () => {
    const { key } = await read(theSecret(KEY));

    expect(key.reveal()).toBe(KEY);
  });

  it('returns when the current version was stored', async () => {
    const stored = new Date(NOON - 7 * 24 * 3_600_000);

    const { createdAt } = await read(theSecret(KEY, stored));

    expect(createdAt).toEqual(stored);
  });

  it('reads a binary secret', async () => {
    const { key } = await read(theSecret(new TextEncoder().encode(KEY)));

    expect(key.reveal()).toBe(KEY);
  });

  it.each([
    ['by its name', 'runpod/api-key'],
    ['by its ARN', 'arn:aws:secretsmanager:us-east-1:123456789012:secret:runpod/api-key-a1B2c3'],
  ])('says how to replicate a missing replica that is given %s', async (_, secretName) => {
    const { client } = aSecretsManager(anAwsRefusal('ResourceNotFoundException', 400, 'no such secret'));
    const read = createSecretReader(client, new FakeClock(), 'eu-west-1');

    const failure = await rejectionOf(read(secretName, { deadlineMs: NOON + 60_000, expected: 'the key' }));

    expect(String(failure)).toContain(
      'Replicate it with: aws secretsmanager replicate-secret-to-regions --secret-id runpod/api-key --add-replica-regions Region=us-east-1 --region eu-west-1',
    );
  });

  it.each<[string, string, [name: string, message: string], string]>([
    [
      'creates a missing secret',
      'runpod/api-key',
      ['ResourceNotFoundException', "Secrets Manager can't find the specified secret."],
      'Create it with: aws secretsmanager create-secret --name runpod/api-key --secret-string file:///dev/stdin --region us-east-1 (then paste the key and press Ctrl-D twice)',
    ],
    [
      'stores the first value of a secret',
      'runpod/api-key',
      [
        'ResourceNotFoundException',
        "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
      ],
      'It has no value yet. Store one with: aws secretsmanager put-secret-value --secret-id runpod/api-key --secret-string file:///dev/stdin --region us-east-1 (then paste the key and press Ctrl-D twice)',
    ],
    [
      'stores the first value of a secret that is given by its ARN',
      'arn:aws:secretsmanager:us-east-1:123456789012:secret:key-a1B2c3',
      [
        'ResourceNotFoundException',
        "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
      ],
      'aws secretsmanager put-secret-value --secret-id arn:aws:secretsmanager:us-east-1:123456789012:secret:key-a1B2c3 --secret-string',
    ],
    [
      'finds the ARN of a secret',
      'arn:aws:secretsmanager:us-east-1:123456789012:secret:runpod/key-a1B2c3',
      ['ResourceNotFoundException', "Secrets Manager can't find the specified secret."],
      `No secret in us-east-1 has this ARN. A secret that was deleted and created again has a new one. Find it with: aws secretsmanager list-secrets --filters Key=name,Values=runpod/key --query 'SecretList[].ARN' --region us-east-1`,
    ],
    [
      'finds the ARN of a secret in another region',
      'arn:aws:secretsmanager:eu-west-1:123456789012:secret:runpod/key-a1B2c3',
      ['ResourceNotFoundException', "Secrets Manager can't find the specified secret."],
      'The ARN is of eu-west-1, but the function reads secrets in us-east-1. Give the ARN or the name of a secret in us-east-1: aws secretsmanager list-secrets --filters Key=name,Values=runpod/key',
    ],
    [
      'restores a deleted secret',
      'runpod/api-key',
      [
        'InvalidRequestException',
        "You can't perform this operation on the secret because it was marked for deletion.",
      ],
      'Restore it with: aws secretsmanager restore-secret --secret-id runpod/api-key --region us-east-1',
    ],
  ])('names the command that %s', async (_, secretName, [name, message], fix) => {
    const failure = await rejectionOf(read(anAwsRefusal(name, 400, message), secretName));

    expect(failure).toMatchObject({ reason: 'secret-unusable' });
    expect(String(failure)).toContain(
      `${message} ${fix}`.slice(fix.startsWith('aws ') ? message.length + 1 : 0),
    );
  });

  it('names the missing permission on a KMS key', async () => {
    const failure = await rejectionOf(
      read(anAwsRefusal('AccessDeniedException', 400, 'Access to KMS is not allowed')),
    );

    expect(failure).toMatchObject({ reason: 'permission-missing' });
    expect(String(failure)).toContain('Allow the role kms:Decrypt on the KMS key of the secret.');
  });

  it('keeps the message of AWS when a permission is missing', async () => {
    const message = 'User: arn:aws:sts::1:role/r is not authorized to perform: secretsmanager:GetSecretValue';

    const failure = await rejectionOf(read(anAwsRefusal('AccessDeniedException', 400, message)));

    expect(failure).toMatchObject({ reason: 'permission-missing' });
    expect(String(failure)).toContain(message);
  });

  it.each([
    ['an outage', anAwsRefusal('InternalServiceError', 500, 'oops')],
    ['throttling', anAwsRefusal('ThrottlingException', 400, 'Rate exceeded')],
  ])('throws TransientError for %s', async (_, answer) => {
    const failure = await rejectionOf(read(answer));

    expect(failure).toBeInstanceOf(TransientError);
  });

  it.each([
    ['is cut off', `{"SecretString":"${KEY}`],
    ['is not JSON', `${KEY} is the key`],
  ])('does not quote an answer that %s', async (_, body) => {
    const failure = await rejectionOf(read({ status: 200, body }));

    expect(failure).toBeInstanceOf(TransientError);
    expect(findLeaksInError(failure, { KEY })).toEqual([]);
  });
});

describe('createSecretReader', () => {
  const OPTIONS = { deadlineMs: NOON + 60_000, expected: 'the key' };

  it('reads a secret once for many callers', async () => {
    const { client, reads } = aSecretsManager(theSecret('old'), theSecret('new'));
    const read = createSecretReader(client, new FakeClock());

    const versions = await Promise.all([read('s', OPTIONS), read('s', OPTIONS)]);
    versions.push(await read('s', OPTIONS));

    expect(versions.map(({ value }) => value)).toEqual(['old', 'old', 'old']);
    expect(reads()).toBe(1);
  });

  it('reads a secret again on request and keeps the new value', async () => {
    const { client, reads } = aSecretsManager(theSecret('old'), theSecret('new'));
    const read = createSecretReader(client, new FakeClock());
    await read('s', OPTIONS);

    const versions = [await read('s', { ...OPTIONS, again: true }), await read('s', OPTIONS)];

    expect(versions.map(({ value }) => value)).toEqual(['new', 'new']);
    expect(reads()).toBe(2);
  });

  it('reads a secret again in the next run with the same client', async () => {
    const { client, reads } = aSecretsManager(theSecret('old'), theSecret('new'));
    const clock = new FakeClock();
    await createSecretReader(client, clock)('s', OPTIONS);

    const { value } = await createSecretReader(client, clock)('s', OPTIONS);

    expect(value).toBe('new');
    expect(reads()).toBe(2);
  });

  it('returns a binary value as bytes', async () => {
    const { client } = aSecretsManager(theSecret(new TextEncoder().encode('bytes')));

    const { value } = await createSecretReader(client, new FakeClock())('s', OPTIONS);

    expect(Buffer.from(value as Uint8Array).toString()).toBe('bytes');
  });
});

const REFUSED = new ApiKeyRefusedError('Runpod refused the API key');

/** An ApiKey whose secret has the next of these values at each read. Further reads get the last one. */
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

/** A Runpod that refuses these keys and records every key that it receives. */
function aRunpodThatRefuses(...refused: string[]) {
  const offered: string[] = [];
  const write = async (apiKey: Secret) => {
    offered.push(apiKey.reveal());
    await Promise.resolve();
    if (refused.includes(apiKey.reveal())) throw REFUSED;
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

  it('reads a refused key again and repeats the action with it', async () => {
    const { key, reads, again } = aKeyThatReads('old', 'new');
    const { write, offered } = aRunpodThatRefuses('old');

    const result = await key.use(write);

    expect(result).toBe('written with new');
    expect(offered).toEqual(['old', 'new']);
    expect(reads).toHaveLength(2);
    expect(again).toEqual([false, true]);
  });

  it('reads the key again once for all targets that were refused at the same time', async () => {
    const { key, reads } = aKeyThatReads('old', 'new');
    const { write } = aRunpodThatRefuses('old');

    const results = await Promise.all(Array.from({ length: 10 }, () => key.use(write)));

    expect(new Set(results)).toEqual(new Set(['written with new']));
    expect(reads).toHaveLength(2);
  });

  it('uses the new key for later targets', async () => {
    const { key, reads } = aKeyThatReads('old', 'new');
    const { write, offered } = aRunpodThatRefuses('old');
    await key.use(write);

    await key.use(write);

    expect(offered).toEqual(['old', 'new', 'new']);
    expect(reads).toHaveLength(2);
  });

  it('does not use a key again that was refused twice', async () => {
    const { key, reads } = aKeyThatReads('dead');
    const { write, offered } = aRunpodThatRefuses('dead');
    await rejectionOf(key.use(write));

    const failure = await rejectionOf(key.use(write));

    expect(failure).toBe(REFUSED);
    expect(offered).toEqual(['dead', 'dead']);
    expect(reads).toHaveLength(2);
  });

  it('tries the key that was read again only once for concurrent targets', async () => {
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

  it('does not read the key again after any other failure', async () => {
    const { key, reads } = aKeyThatReads('good');
    const outage = new TransientError('it answered 503');

    const failure = await rejectionOf(key.use(() => Promise.reject(outage)));

    expect(failure).toBe(outage);
    expect(reads).toHaveLength(1);
  });

  it('rejects with the failure to read the key', async () => {
    const unreadable = new TransientError('secretsmanager:GetSecretValue');
    const { key, reads } = aKeyThatReads(unreadable);
    const { write, offered } = aRunpodThatRefuses();

    const failures = await Promise.all([rejectionOf(key.ready()), rejectionOf(key.use(write))]);

    expect(failures).toEqual([unreadable, unreadable]);
    expect(offered).toEqual([]);
    expect(reads).toHaveLength(1);
  });

  it('rejects with the failure to read the key again', async () => {
    const unreadable = new TransientError('secretsmanager:GetSecretValue');
    const { key } = aKeyThatReads('old', unreadable);
    const { write } = aRunpodThatRefuses('old');

    const failures = await Promise.all([rejectionOf(key.use(write)), rejectionOf(key.use(write))]);

    expect(failures).toEqual([unreadable, unreadable]);
  });

  it('leaves no rejection unhandled when an unreadable key is not used', async () => {
    const unhandled = await unhandledRejectionsDuring(() =>
      aKeyThatReads(new TransientError('secretsmanager:GetSecretValue')),
    );

    expect(unhandled).toEqual([]);
  });
});
