import { OperatorMustActError } from '../../../../lambda/core/errors';
import { SERVICE_ACCOUNT_KEY, USERNAME_AND_PASSWORD } from '../../../../lambda/core/registries/stored-login';
import { findLeaksInError } from '../../../support/find-leaks';
import { thrownBy } from '../../../support/thrown';

const PASSWORD = 'k9QpB3sTyU:Vq7Zt2LmXwü';

describe('USERNAME_AND_PASSWORD', () => {
  it.each([
    ['the two fields', { username: 'robot', password: PASSWORD }],
    [
      'the two fields beside others',
      { engine: 'registry', username: 'robot', password: PASSWORD, port: 5000 },
    ],
  ])('reads %s with the password unchanged', (_, json) => {
    const login = USERNAME_AND_PASSWORD.parse('registry/hub', JSON.stringify(json, null, 2));

    expect(login.username).toBe('robot');
    expect(login.password.reveal()).toBe(PASSWORD);
  });

  it.each<[string, string | Uint8Array]>([
    ['after a byte order mark', `\uFEFF${JSON.stringify({ username: 'robot', password: PASSWORD })}`],
    ['as bytes', new TextEncoder().encode(JSON.stringify({ username: 'robot', password: PASSWORD }))],
    [
      'as bytes after a byte order mark',
      new TextEncoder().encode(`\uFEFF${JSON.stringify({ username: 'robot', password: PASSWORD })}`),
    ],
  ])('reads the two fields %s', (_, value) => {
    const login = USERNAME_AND_PASSWORD.parse('registry/hub', value);

    expect([login.username, login.password.reveal()]).toEqual(['robot', PASSWORD]);
  });

  it.each<[string, unknown, string]>([
    ['nothing', undefined, 'an empty value'],
    ['a binary password', new TextEncoder().encode(PASSWORD), 'a value that is not a JSON object'],
    ['UTF-16 text', Buffer.from(PASSWORD, 'utf16le'), 'a binary value that is not UTF-8 text'],
    [
      'a password after a byte order mark',
      JSON.stringify({ username: 'robot', password: `\uFEFF${PASSWORD}` }),
      'a byte order mark in password',
    ],
    [
      'a user name after a byte order mark',
      JSON.stringify({ username: '\uFEFFrobot', password: PASSWORD }),
      'a byte order mark in username',
    ],
    ['the password alone', PASSWORD, 'a value that is not a JSON object'],
    [
      'half an object',
      `{"username": "robot", "password": "${PASSWORD}"`,
      'a value that is not a JSON object',
    ],
    ['a list', JSON.stringify(['robot', PASSWORD]), 'a value that is not a JSON object'],
    ['no user name', JSON.stringify({ user: 'robot', password: PASSWORD }), 'no text in username'],
    ['an empty user name', JSON.stringify({ username: '', password: PASSWORD }), 'no text in username'],
    ['no password', JSON.stringify({ username: 'robot', token: PASSWORD }), 'no text in password'],
    ['a password that is a number', '{"username": "robot", "password": 12345678}', 'no text in password'],
    [
      'a user name with a colon',
      JSON.stringify({ username: 'a:b', password: PASSWORD }),
      'a colon in username',
    ],
    [
      'a user name with a line break',
      JSON.stringify({ username: 'robot\n', password: PASSWORD }),
      'a line break or another control character in username',
    ],
    [
      'a password with a line break',
      JSON.stringify({ username: 'robot', password: `${PASSWORD}\n` }),
      'a line break or another control character in password',
    ],
  ])('refuses %s without quoting it', (_, value, found) => {
    const error = thrownBy(() => USERNAME_AND_PASSWORD.parse('registry/hub', value));

    expect(error).toEqual(
      new OperatorMustActError(
        'secret-unusable',
        `secret registry/hub: expected JSON with the fields username and password, found ${found}; nothing was sent to Runpod; store it again`,
      ),
    );
    expect(findLeaksInError(error, { PASSWORD })).toEqual([]);
  });
});

describe('SERVICE_ACCOUNT_KEY', () => {
  const KEY = {
    type: 'service_account',
    project_id: 'acme',
    private_key: `-----BEGIN\n${PASSWORD}\n-----END`,
  };

  it.each([
    ['over several lines', `${JSON.stringify(KEY, null, 2)}\n`],
    ['in one line', JSON.stringify(KEY)],
  ])('returns the key file %s byte for byte as the password', (_, text) => {
    const login = SERVICE_ACCOUNT_KEY.parse('registry/google', text);

    expect(login.username).toBe('_json_key');
    expect(login.password.reveal()).toBe(text);
  });

  it.each<[string, string | Uint8Array]>([
    ['after a byte order mark', `\uFEFF${JSON.stringify(KEY)}`],
    ['as bytes', new TextEncoder().encode(JSON.stringify(KEY))],
  ])('returns the key file %s as text without the mark', (_, value) => {
    const login = SERVICE_ACCOUNT_KEY.parse('registry/google', value);

    expect(login.password.reveal()).toBe(JSON.stringify(KEY));
  });

  it.each<[string, unknown, string]>([
    ['a login', JSON.stringify({ username: 'robot', password: PASSWORD }), 'other JSON'],
    ["a person's credential", JSON.stringify({ ...KEY, type: 'authorized_user' }), 'other JSON'],
    ['a key file without its key', JSON.stringify({ ...KEY, private_key: '' }), 'other JSON'],
    ['a key file in base64', Buffer.from(JSON.stringify(KEY)).toString('base64'), 'not a JSON object'],
    ['UTF-16 text', Buffer.from(JSON.stringify(KEY), 'utf16le'), 'a binary value that is not UTF-8 text'],
    ['half a key file', JSON.stringify(KEY).slice(0, -1), 'not a JSON object'],
  ])('refuses %s without quoting it', (_, value, found) => {
    const error = thrownBy(() => SERVICE_ACCOUNT_KEY.parse('registry/google', value));

    expect(error).toMatchObject({ reason: 'secret-unusable' });
    expect(String(error)).toContain(
      'secret registry/google: expected the unchanged key file of a Google service account',
    );
    expect(String(error)).toContain(found);
    expect(findLeaksInError(error, { PASSWORD })).toEqual([]);
  });
});
