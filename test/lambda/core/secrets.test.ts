import { OperatorMustActError, TransientError } from '../../../lambda/core/errors';
import { createApiKeyReader, createSecretReader, parseApiKey } from '../../../lambda/core/secrets';
import { FakeClock, NOON } from '../../support/fake-clock';
import { findLeaks } from '../../support/find-leaks';
import { anAwsRefusal, aSecretsManager, theSecret, type WireAnswer } from '../../support/secrets-manager';
import { rejectionOf, thrownBy } from '../../support/thrown';

const KEY = 'rpa_Vq7Zt2LmXwK9QpB3sTyU';

describe('parseApiKey', () => {
  it.each([
    ['the key itself', KEY],
    ['the key with a line break after it', `${KEY}\n`],
    ['the key between blanks', `  ${KEY}\t`],
    ['an object', JSON.stringify({ apiKey: KEY })],
    ['an object over several lines', JSON.stringify({ note: 'made by hand', apiKey: ` ${KEY} ` }, null, 2)],
  ])('takes %s', (_, value) => {
    expect(parseApiKey('runpod/api-key', value).reveal()).toBe(KEY);
  });

  it.each<[string, unknown, string]>([
    ['nothing', undefined, 'a binary or empty value'],
    ['a binary value', new TextEncoder().encode(KEY), 'a binary or empty value'],
    ['an empty text', '', 'a value that is empty'],
    ['blanks', ' \n ', 'a value that is empty'],
    ['two words', `Bearer ${KEY}`, 'spaces or line breaks'],
    ['two lines', `${KEY}\n${KEY}`, 'spaces or line breaks'],
    ['letters that a header cannot hold', `${KEY}ü`, 'spaces or line breaks'],
    ['a key in quotation marks', `"${KEY}"`, 'quotation marks'],
    ['a key with half of them', `${KEY}'`, 'quotation marks'],
    ['an object whose field is in them twice', JSON.stringify({ apiKey: `"${KEY}"` }), 'quotation marks'],
    ['half an object', `{"apiKey": "${KEY}"`, 'begins like JSON but is not'],
    ['an object with another field', JSON.stringify({ api_key: KEY }), 'without a text field apiKey'],
    ['an object with a number', '{"apiKey": 7}', 'without a text field apiKey'],
    ['an object with an empty field', '{"apiKey": ""}', 'a value that is empty'],
    ['an object with two words', JSON.stringify({ apiKey: `Bearer ${KEY}` }), 'spaces or line breaks'],
  ])('refuses %s, and quotes nothing of it', (_, value, found) => {
    const error = thrownBy(() => parseApiKey('runpod/api-key', value));

    expect(error).toBeInstanceOf(OperatorMustActError);
    expect(error).toMatchObject({ reason: 'secret-unusable' });
    expect(String(error)).toContain('secret runpod/api-key: expected the Runpod API key itself');
    expect(String(error)).toContain(found);
    expect(findLeaks(`${error} ${JSON.stringify(error)}`, { KEY })).toEqual([]);
  });
});

describe('createApiKeyReader', () => {
  /** Reads once what Secrets Manager answers. */
  function read(answer: WireAnswer) {
    const { client } = aSecretsManager(answer);
    const readKey = createApiKeyReader(createSecretReader(client, new FakeClock()));
    return readKey('runpod/api-key', { deadlineMs: NOON + 60_000 });
  }

  it('reads a key', async () => {
    const { key } = await read(theSecret(KEY));

    expect(key.reveal()).toBe(KEY);
  });

  it('tells when the current version was stored', async () => {
    const stored = new Date(NOON - 7 * 24 * 3_600_000);

    const { createdAt } = await read(theSecret(KEY, stored));

    expect(createdAt).toEqual(stored);
  });

  it('does not take a binary secret', async () => {
    const failure = await rejectionOf(read(theSecret(new TextEncoder().encode(KEY))));

    expect(failure).toMatchObject({ reason: 'secret-unusable' });
  });

  it('says how to make a secret that is missing', async () => {
    const refusal = anAwsRefusal('ResourceNotFoundException', 400, "Secrets Manager can't find the secret.");

    const failure = await rejectionOf(read(refusal));

    expect(failure).toMatchObject({ reason: 'secret-unusable' });
    expect(String(failure)).toContain('aws secretsmanager create-secret --name runpod/api-key');
  });

  it('tells a missing permission in the words of AWS', async () => {
    const words = 'User: arn:aws:sts::1:role/r is not authorized to perform: secretsmanager:GetSecretValue';

    const failure = await rejectionOf(read(anAwsRefusal('AccessDeniedException', 400, words)));

    expect(failure).toMatchObject({ reason: 'permission-missing' });
    expect(String(failure)).toContain(words);
  });

  it.each([
    ['an outage', anAwsRefusal('InternalServiceError', 500, 'oops')],
    ['throttling', anAwsRefusal('ThrottlingException', 400, 'Rate exceeded')],
  ])('takes %s for something that passes', async (_, answer) => {
    const failure = await rejectionOf(read(answer));

    expect(failure).toBeInstanceOf(TransientError);
  });

  it.each([
    ['is cut off', `{"SecretString":"${KEY}`],
    ['is not JSON', `${KEY} is the key`],
  ])('quotes nothing of an answer that %s', async (_, body) => {
    const failure = await rejectionOf(read({ status: 200, body }));

    expect(failure).toBeInstanceOf(TransientError);
    expect(findLeaks(`${failure} ${(failure as Error).stack} ${JSON.stringify(failure)}`, { KEY })).toEqual(
      [],
    );
  });
});

describe('createSecretReader', () => {
  const OPTIONS = { deadlineMs: NOON + 60_000, expected: 'the key' };

  it('reads a secret once in a run, however many ask at the same time', async () => {
    const { client, reads } = aSecretsManager(theSecret('old'), theSecret('new'));
    const read = createSecretReader(client, new FakeClock());

    const versions = await Promise.all([read('s', OPTIONS), read('s', OPTIONS)]);
    versions.push(await read('s', OPTIONS));

    expect(versions.map(({ value }) => value)).toEqual(['old', 'old', 'old']);
    expect(reads()).toBe(1);
  });

  it('reads a secret again when it is asked to, and keeps the new value', async () => {
    const { client, reads } = aSecretsManager(theSecret('old'), theSecret('new'));
    const read = createSecretReader(client, new FakeClock());
    await read('s', OPTIONS);

    const versions = [await read('s', { ...OPTIONS, again: true }), await read('s', OPTIONS)];

    expect(versions.map(({ value }) => value)).toEqual(['new', 'new']);
    expect(reads()).toBe(2);
  });

  it('reads a secret again in the next run, over the same client', async () => {
    const { client, reads } = aSecretsManager(theSecret('old'), theSecret('new'));
    const clock = new FakeClock();
    await createSecretReader(client, clock)('s', OPTIONS);

    const { value } = await createSecretReader(client, clock)('s', OPTIONS);

    expect(value).toBe('new');
    expect(reads()).toBe(2);
  });

  it('gives a binary value as bytes', async () => {
    const { client } = aSecretsManager(theSecret(new TextEncoder().encode('bytes')));

    const { value } = await createSecretReader(client, new FakeClock())('s', OPTIONS);

    expect(Buffer.from(value as Uint8Array).toString()).toBe('bytes');
  });
});
