import { createShow, withoutSecretForms } from '../../../lambda/core/shown-text';
import { findLeaks } from '../../support/find-leaks';

const SECRET = 'rpa_8Kd02mXq71LbTz55vNw3';

describe('createShow', () => {
  const show = createShow(() => [SECRET]);

  it('leaves ordinary text as it is', () => {
    expect(show('manifest for host/worker:1 not found', 100)).toBe('manifest for host/worker:1 not found');
  });

  it.each([
    ['plain', SECRET],
    ['a piece', SECRET.slice(5, 14)],
    ['base64', Buffer.from(SECRET).toString('base64')],
    ['base64 behind other text', Buffer.from(`AWS:${SECRET}`).toString('base64')],
    ['base64url', Buffer.from(`??${SECRET}`).toString('base64url')],
    ['hexadecimal', Buffer.from(SECRET).toString('hex')],
    ['hidden by control characters', `${SECRET.slice(0, 6)}\u200B\u001b[31m${SECRET.slice(6)}`],
    ['twice', `${SECRET}${SECRET}`],
  ])('hides a secret: %s', (_, text) => {
    const shown = show(`before ${text} after`, 500);

    expect(shown).toMatch(/^before .*\[secret\].* after$/);
    expect(findLeaks(shown, { SECRET })).toEqual([]);
  });

  it('hides a URL-encoded secret', () => {
    const secret = 'p+w/with=signs&more:of_them';

    const shown = createShow(() => [secret])(`q=${encodeURIComponent(secret)}`, 500);

    expect(findLeaks(shown, { secret })).toEqual([]);
  });

  it('hides a secret that became known later', () => {
    const secrets: string[] = [];
    const later = createShow(() => secrets);
    expect(later(SECRET, 100)).toBe(SECRET);

    secrets.push(SECRET);

    expect(later(SECRET, 100)).toBe('[secret]');
  });

  it('makes one line without control characters', () => {
    expect(show('a\r\nb\tc\u001b]0;title\u0007d\u202Ee\u2028f\u0000', 100)).toBe('a b cde f');
  });

  it('cuts text, and searches only its beginning', () => {
    expect(show('x'.repeat(1_000_000), 10)).toBe('xxxxxxxxx…');
    expect(show(`${'x'.repeat(95)} ${SECRET}`, 100)).not.toContain(SECRET.slice(0, 3));
  });
});

describe('withoutSecretForms', () => {
  it.each([
    ['a Runpod key', `key ${SECRET} refused`, 'key [secret] refused'],
    ['a header', 'Authorization: Basic QVdTOmV5SndZWGxzYjJGa0lqb2k=', 'Authorization: [secret]'],
    ['a token', `token ${'eyJwYXls'.repeat(30)} end`, 'token [secret] end'],
  ])('hides what has the form of %s', (_, text, shown) => {
    expect(withoutSecretForms(text)).toBe(shown);
  });

  it.each([
    'no basic auth credentials',
    'Basic authentication required by registry.example.com',
    `host/${'a'.repeat(120)}/b@sha256:${'0'.repeat(64)}`,
  ])('leaves other text as it is: %s', (text) => {
    expect(withoutSecretForms(text)).toBe(text);
  });
});
