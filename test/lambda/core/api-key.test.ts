import { createApiKeyReader, parseApiKey } from '../../../lambda/core/api-key';
import { OperatorMustActError, TransientError } from '../../../lambda/core/errors';
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
    const { provider } = aSecretsManager(answer);
    return createApiKeyReader(provider, new FakeClock())('runpod/api-key', NOON + 60_000);
  }

  it('reads a key', async () => {
    const key = await read(theSecret(KEY));

    expect(key.reveal()).toBe(KEY);
  });

  it('does not answer from a cache', async () => {
    const { provider, reads } = aSecretsManager(theSecret('old-key'), theSecret('new-key'));
    const readKey = createApiKeyReader(provider, new FakeClock());

    const keys = [
      await readKey('runpod/api-key', NOON + 60_000),
      await readKey('runpod/api-key', NOON + 60_000),
    ];

    expect(keys.map((key) => key.reveal())).toEqual(['old-key', 'new-key']);
    expect(reads()).toBe(2);
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
