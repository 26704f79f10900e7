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

/** What an answer's meaning comes to. */
type Meaning = 'body' | 'cannot' | 'unclear' | 'key refused' | 'permission missing';

function meaningOf(read: () => unknown): Meaning {
  try {
    read();
    return 'body';
  } catch (error) {
    if (error instanceof ApiKeyRefusedError) return 'key refused';
    if (error instanceof ApiUnsupportedError) return error.certainty === 'unclear' ? 'unclear' : 'cannot';
    if (error instanceof OperatorMustActError && error.reason === 'permission-missing')
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
    [200, all('body', { html: 'cannot', unlabelledHtml: 'cannot', text: 'unclear', empty: 'unclear' })],
    [201, all('body', { html: 'cannot', unlabelledHtml: 'cannot', text: 'unclear', empty: 'unclear' })],
    [204, all('body', { html: 'cannot', unlabelledHtml: 'cannot', text: 'unclear', empty: 'unclear' })],
    [301, all('cannot')],
    [302, all('cannot')],
    [307, all('cannot')],
    [400, all('cannot')],
    [401, all('key refused', { html: 'cannot', unlabelledHtml: 'cannot' })],
    [403, all('unclear', { json: 'permission missing', problem: 'permission missing' })],
    [404, all('cannot')],
    [405, all('cannot')],
    [409, all('cannot')],
    [410, all('cannot')],
    [422, all('cannot')],
    [501, all('cannot')],
  ])('knows what %d means with every kind of body', (status, expected) => {
    const meanings = Object.entries(BODIES).map(([kind, answer]) => [
      kind,
      meaningOf(() => readAnswer('rest-v2', { ...answer, status })),
    ]);

    expect(Object.fromEntries(meanings)).toEqual(expected);
  });

  it('knows that an API may come back to where a web page stands, and not to where it says that it is gone', () => {
    const refusal = (answer: HttpAnswer) => thrownBy(() => readAnswer('rest-v2', answer));

    expect(refusal({ ...BODIES.html, status: 200 })).toMatchObject({ certainty: 'may-pass' });
    expect(refusal({ ...BODIES.json, status: 410 })).toMatchObject({ certainty: 'final' });
  });

  it('gives the parsed body of a success', () => {
    expect(readAnswer('rest-v2', anAnswer(200, { id: 'auth-prod' }))).toEqual({ id: 'auth-prod' });
  });

  it.each(Object.entries(BODIES))('quotes nothing of a body of kind %s', (_, answer) => {
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
  it('takes id and name, and nothing else', () => {
    const auth = readRegistryAuth('rest-v2', { id: 'a', name: 'ecr-prod', username: 'AWS' });

    expect(auth).toEqual({ id: 'a', name: 'ecr-prod' });
  });

  it('needs no name', () => {
    expect(readRegistryAuth('rest-v2', { id: 'a' })).toEqual({ id: 'a', name: '' });
  });

  it.each([[undefined], [null], ['a'], [[]], [{}], [{ id: 7 }], [{ id: '' }], [{ name: 'ecr-prod' }]])(
    'does not take %j for one',
    (value) => {
      expect(meaningOf(() => readRegistryAuth('rest-v2', value))).toBe('unclear');
    },
  );
});

describe('readRegistryAuths', () => {
  it('reads a list, which may be empty', () => {
    expect(readRegistryAuths('rest-v1', [{ id: 'a', name: 'x' }])).toEqual([{ id: 'a', name: 'x' }]);
    expect(readRegistryAuths('rest-v1', [])).toEqual([]);
  });

  it.each([[undefined], [null], [{}], ['[]'], [[{ id: 'a' }, null]]])(
    'does not take %j for a list',
    (value) => {
      expect(meaningOf(() => readRegistryAuths('rest-v1', value))).toBe('unclear');
    },
  );
});

describe('expectId', () => {
  it('is content with the id that was asked for', () => {
    expect(() => expectId('rest-v2', { id: 'a', name: '' }, 'a')).not.toThrow();
  });

  it('does not know what another id means', () => {
    expect(meaningOf(() => expectId('rest-v2', { id: 'A', name: '' }, 'a'))).toBe('unclear');
  });
});
