import {
  ApiKeyRefusedError,
  ApiUnsupportedError,
  OperatorMustActError,
} from '../../../../lambda/core/errors';
import {
  expectId,
  readAnswer,
  readRegistryAuth,
  readRegistryAuths,
} from '../../../../lambda/core/runpod/api';
import type { HttpAnswer } from '../../../../lambda/core/transport';
import { anAnswer } from '../../../support/builders';
import { thrownBy } from '../../../support/thrown';

/** A word for what an answer means. */
type Meaning = 'body' | 'unsupported' | 'unclear' | 'key refused' | 'permission missing';

function meaningOf(read: () => unknown): Meaning {
  try {
    read();
    return 'body';
  } catch (error) {
    if (error instanceof ApiKeyRefusedError) return 'key refused';
    if (error instanceof ApiUnsupportedError)
      return error.certainty === 'unclear' ? 'unclear' : 'unsupported';
    if (error instanceof OperatorMustActError && error.reason === 'api-key-permission-missing')
      return 'permission missing';
    throw error;
  }
}

const BODIES = {
  json: anAnswer(0, { title: 'told', detail: 'in JSON' }),
  problem: anAnswer(0, { title: 'told' }, { 'content-type': 'application/problem+json' }),
  html: anAnswer(0, '<!DOCTYPE html><p>error code: 1010', { 'content-type': 'text/html; charset=UTF-8' }),
  unlabelledHtml: anAnswer(0, '\n <html>', { 'content-type': undefined }),
  text: anAnswer(0, 'error code: 1010'),
  empty: anAnswer(0, '', { 'content-type': undefined }),
};

describe('readAnswer', () => {
  it.each<[number, Record<keyof typeof BODIES, Meaning>]>([
    [
      200,
      all('body', { html: 'unsupported', unlabelledHtml: 'unsupported', text: 'unclear', empty: 'unclear' }),
    ],
    [
      201,
      all('body', { html: 'unsupported', unlabelledHtml: 'unsupported', text: 'unclear', empty: 'unclear' }),
    ],
    [
      204,
      all('body', { html: 'unsupported', unlabelledHtml: 'unsupported', text: 'unclear', empty: 'unclear' }),
    ],
    [301, all('unsupported')],
    [302, all('unsupported')],
    [307, all('unsupported')],
    [400, all('unsupported')],
    [401, all('key refused', { html: 'unsupported', unlabelledHtml: 'unsupported' })],
    [403, all('unclear', { json: 'permission missing', problem: 'permission missing' })],
    [404, all('unsupported')],
    [405, all('unsupported')],
    [409, all('unsupported')],
    [410, all('unsupported')],
    [422, all('unsupported')],
    [501, all('unsupported')],
  ])('returns or throws what the status %d means with every kind of body', (status, expected) => {
    const meanings = Object.entries(BODIES).map(([kind, answer]) => [
      kind,
      meaningOf(() => readAnswer('rest-v2', { ...answer, status })),
    ]);

    expect(Object.fromEntries(meanings)).toEqual(expected);
  });

  it('may pass after a web page and is final after 410', () => {
    const refusal = (answer: HttpAnswer) => thrownBy(() => readAnswer('rest-v2', answer));

    expect(refusal({ ...BODIES.html, status: 200 })).toMatchObject({ certainty: 'may-pass' });
    expect(refusal({ ...BODIES.json, status: 410 })).toMatchObject({ certainty: 'final' });
  });

  it('returns the parsed body of a successful answer', () => {
    expect(readAnswer('rest-v2', anAnswer(200, { id: 'auth-prod' }))).toEqual({ id: 'auth-prod' });
  });

  it.each(Object.entries(BODIES))('does not quote a body of kind %s', (_, answer) => {
    const messages = [302, 401, 403, 404, 422].map((status) =>
      String(thrownBy(() => readAnswer('graphql', { ...answer, status }))),
    );

    expect(messages.join()).not.toMatch(/told|1010|DOCTYPE/);
  });
});

function all(meaning: Meaning, differences: Partial<Record<keyof typeof BODIES, Meaning>> = {}) {
  return {
    json: meaning,
    problem: meaning,
    html: meaning,
    unlabelledHtml: meaning,
    text: meaning,
    empty: meaning,
    ...differences,
  };
}

describe('readRegistryAuth', () => {
  it('returns id and name only', () => {
    const auth = readRegistryAuth('rest-v2', { id: 'a', name: 'ecr-prod', username: 'AWS' });

    expect(auth).toEqual({ id: 'a', name: 'ecr-prod' });
  });

  it('accepts a registry auth without a name', () => {
    expect(readRegistryAuth('rest-v2', { id: 'a' })).toEqual({ id: 'a', name: '' });
  });

  it.each([[undefined], [null], ['a'], [[]], [{}], [{ id: 7 }], [{ id: '' }], [{ name: 'ecr-prod' }]])(
    'refuses %j',
    (value) => {
      expect(meaningOf(() => readRegistryAuth('rest-v2', value))).toBe('unclear');
    },
  );
});

describe('readRegistryAuths', () => {
  it('reads a list of any length', () => {
    expect(readRegistryAuths('rest-v1', [{ id: 'a', name: 'x' }])).toEqual([{ id: 'a', name: 'x' }]);
    expect(readRegistryAuths('rest-v1', [])).toEqual([]);
  });

  it.each([[undefined], [null], [{}], ['[]']])('refuses %j', (value) => {
    expect(meaningOf(() => readRegistryAuths('rest-v1', value))).toBe('unclear');
  });

  it('skips entries that name no registry auth', () => {
    const entries = [null, { id: 7 }, { id: '..' }, { id: 'rpa_Vq7Zt2LmXwK9QpB3sTyUhJ5n' }, { id: 'a' }];

    expect(readRegistryAuths('rest-v1', entries)).toEqual([{ id: 'a', name: '' }]);
  });
});

describe('expectId', () => {
  it('accepts the expected id', () => {
    expect(() => expectId('rest-v2', { id: 'a', name: '' }, 'a')).not.toThrow();
  });

  it('calls another id unclear', () => {
    expect(meaningOf(() => expectId('rest-v2', { id: 'A', name: '' }, 'a'))).toBe('unclear');
  });
});
