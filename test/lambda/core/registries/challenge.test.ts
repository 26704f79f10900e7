import fc from 'fast-check';
import { parseChallenges } from '../../../../lambda/core/registries/challenge';

/** The challenges of a header, as plain objects. */
function read(header: string): object[] {
  return parseChallenges(header).map(({ scheme, parameters }) => ({
    scheme,
    ...Object.fromEntries(parameters),
  }));
}

describe('parseChallenges', () => {
  it.each([
    [
      'Docker Hub',
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io"',
      [{ scheme: 'bearer', realm: 'https://auth.docker.io/token', service: 'registry.docker.io' }],
    ],
    [
      'ghcr.io',
      'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:user/image:pull"',
      [
        {
          scheme: 'bearer',
          realm: 'https://ghcr.io/token',
          service: 'ghcr.io',
          scope: 'repository:user/image:pull',
        },
      ],
    ],
    ['htpasswd', 'Basic realm="a, \\"b\\" = c"', [{ scheme: 'basic', realm: 'a, "b" = c' }]],
    [
      'two in one header',
      'Basic realm="x", BEARER Realm = token , service=s',
      [
        { scheme: 'basic', realm: 'x' },
        { scheme: 'bearer', realm: 'token', service: 's' },
      ],
    ],
    [
      'the example of RFC 9110',
      'Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""',
      [
        { scheme: 'basic', realm: 'simple' },
        { scheme: 'newauth', realm: 'apps', type: '1', title: 'Login to "apps"' },
      ],
    ],
    ['a scheme alone', 'Negotiate', [{ scheme: 'negotiate' }]],
    [
      'a scheme with a value, then another',
      'Negotiate YWJj==, Basic realm="x"',
      [{ scheme: 'negotiate' }, { scheme: 'basic', realm: 'x' }],
    ],
    ['empty list elements', ' , Basic realm="x",, ', [{ scheme: 'basic', realm: 'x' }]],
    ['nothing', '', []],
  ])('reads %s', (_, header, expected) => {
    expect(read(header)).toEqual(expected);
  });

  it.each([
    ['a quote that does not end', 'Bearer realm="https://auth.example.com'],
    ['text after a quoted value', 'Bearer realm="a"b'],
    ['a parameter that stands twice', 'Bearer realm="https://a.example.com",realm="https://b.example.com"'],
    ['a parameter that stands twice in other letters', 'Bearer realm="a",Realm="b"'],
    ['a parameter before any scheme', 'realm="a"'],
    ['a character that no token has', 'Bearer @'],
  ])('takes nothing out of a header with %s', (_, header) => {
    expect(read(header)).toEqual([]);
  });

  const token = fc.stringMatching(/^[A-Za-z][A-Za-z0-9!#$%&'*+.^_`|~-]{0,8}$/);
  const value = fc.string({ unit: fc.constantFrom('a', '"', '\\', ',', '=', ' ', ':', '/', 'é', '\t') });
  const blank = fc.constantFrom('', ' ', '\t', '  ');

  it('reads back whatever is written by the rules, however it is spaced and spelt', () => {
    const parameter = fc.record({ name: token, value, before: blank, after: blank });
    const challenge = fc.record({
      scheme: token,
      parameters: fc.uniqueArray(parameter, {
        minLength: 1,
        maxLength: 4,
        selector: ({ name }) => name.toLowerCase(),
      }),
    });
    fc.assert(
      fc.property(fc.array(challenge, { minLength: 1, maxLength: 3 }), fc.boolean(), (challenges, shout) => {
        const written = challenges.map(({ scheme, parameters }) => {
          const list = parameters.map(
            ({ name, value: text, before, after }) =>
              `${shout ? name.toUpperCase() : name}${before}=${after}"${text.replace(/["\\]/g, '\\$&')}"`,
          );
          return `${shout ? scheme.toUpperCase() : scheme} ${list.join(', ')}`;
        });

        expect(read(written.join(', '))).toEqual(
          challenges.map(({ scheme, parameters }) => ({
            scheme: scheme.toLowerCase(),
            ...Object.fromEntries(parameters.map(({ name, value: text }) => [name.toLowerCase(), text])),
          })),
        );
      }),
    );
  });

  it('ends, without a throw, whatever comes', () => {
    const unit = fc.constantFrom('B', ' ', '"', '\\', ',', '=', 'realm', '\n', '\t', '{');
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit, maxLength: 200 }), fc.string()), (header) => {
        expect(Array.isArray(parseChallenges(header))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('takes no longer than a moment for a header as long as a server may send', () => {
    const startedMs = performance.now();

    for (const header of [
      `Bearer realm="${'\\'.repeat(16_000)}`,
      'a '.repeat(8_000),
      'a='.repeat(8_000),
      ' ,'.repeat(8_000),
    ]) {
      parseChallenges(header);
    }

    expect(performance.now() - startedMs).toBeLessThan(5_000);
  });
});
