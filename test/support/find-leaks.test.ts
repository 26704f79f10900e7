import { inspect } from 'node:util';
import { findLeaks } from './find-leaks';

const PASSWORD = 'eyJ"Vq7:Zt/2Lm+Xw=K9QpB3ü\nsTyU???~~~>>>Hj5';

describe('findLeaks', () => {
  it.each<[string, string]>([
    ['plain', `a line with ${PASSWORD} in it`],
    ['plain', `Unexpected token 'e', "${PASSWORD.slice(0, 8)}"... is not valid JSON`],
    ['plain', `…${PASSWORD.slice(-8)}`],
    ['base64', Buffer.from(PASSWORD).toString('base64')],
    ['base64', `Basic ${Buffer.from(`AWS:${PASSWORD}`).toString('base64')}`],
    ['base64', `Basic ${Buffer.from(`user:${PASSWORD}`).toString('base64')}`],
    ['base64', `Basic ${Buffer.from(`users:${PASSWORD}`).toString('base64')}`],
    ['base64url', Buffer.from(PASSWORD).toString('base64url')],
    ['hexadecimal', Buffer.from(PASSWORD).toString('hex')],
    ['URL-encoded', `?key=${encodeURIComponent(PASSWORD)}`],
    ['JSON-escaped', JSON.stringify({ password: PASSWORD })],
    ['JSON-escaped twice', JSON.stringify({ body: JSON.stringify({ password: PASSWORD }) })],
    ['plain', inspect({ password: PASSWORD })],
  ])('finds a secret written as %s in %p', (form, output) => {
    const leaks = findLeaks(output, { password: PASSWORD });

    expect(leaks).toContainEqual({ secret: 'password', form });
  });

  it('names the secret that it found', () => {
    const leaks = findLeaks('the key is k9QpB3sTyU', { key: 'k9QpB3sTyU', password: 'Vq7Zt2LmXw' });

    expect(leaks).toEqual([{ secret: 'key', form: 'plain' }]);
  });

  it.each(['', 'a line about a password and Basic auth', '[secret]', PASSWORD.slice(0, 7), 'eyJ'])(
    'finds nothing in %p',
    (output) => {
      expect(findLeaks(output, { password: PASSWORD })).toEqual([]);
    },
  );

  it('finds a whole secret that is shorter than eight characters', () => {
    expect(findLeaks('id=Zt2', { id: 'Zt2' })).toContainEqual({ secret: 'id', form: 'plain' });
  });
});
