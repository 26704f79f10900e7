import fc from 'fast-check';
import { parseChallenges } from '../../../../lambda/core/registries/challenge';

/** The challenges of a header as plain objects. */
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
    ['escaped quotation marks', 'Basic realm="a, \\"b\\" = c"', [{ scheme: 'basic', realm: 'a, "b" = c' }]],
    [
      'two challenges',
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
    ['a scheme without parameters', 'Negotiate', [{ scheme: 'negotiate' }]],
    [
      'a scheme with a value before another scheme',
      'Negotiate YWJj==, Basic realm="x"',
      [{ scheme: 'negotiate' }, { scheme: 'basic', realm: 'x' }],
    ],
    ['empty list elements', ' , Basic realm="x",, ', [{ scheme: 'basic', realm: 'x' }]],
    ['an empty header', '', []],
  ])('reads %s', (_, header, expected) => {
    expect(read(header)).toEqual(expected);
  });

  it.each([
    ['a quotation that does not end', 'Bearer realm="https://auth.example.com'],
    ['text after a quoted value', 'Bearer realm="a"b'],
    ['a repeated parameter', 'Bearer realm="https://a.example.com",realm="https://b.example.com"'],
    ['a parameter that is repeated in other letters', 'Bearer realm="a",Realm="b"'],
    ['a parameter before any scheme', 'realm="a"'],
    ['a character that a scheme cannot have', 'Bearer @'],
  ])('returns nothing for a header with %s', (_, header) => {
    expect(read(header)).toEqual([]);
  });

  const token = fc.stringMatching(/^[A-Za-z][A-Za-z0-9!#$%&'*+.^_`|~-]{0,8}$/);
  const value = fc.string({ unit: fc.constantFrom('a', '"', '\\', ',', '=', ' ', ':', '/', 'é', '\t') });
  const blank = fc.constantFrom('', ' ', '\t', '  ');

  it('reads every valid header whatever its spaces and letter case', () => {
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
      fc.property(
        fc.array(challenge, { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        (challenges, upperCase) => {
          const written = challenges.map(({ scheme, parameters }) => {
            const list = parameters.map(
              ({ name, value: text, before, after }) =>
                `${upperCase ? name.toUpperCase() : name}${before}=${after}"${text.replace(/["\\]/g, '\\$&')}"`,
            );
            return `${upperCase ? scheme.toUpperCase() : scheme} ${list.join(', ')}`;
          });

          expect(read(written.join(', '))).toEqual(
            challenges.map(({ scheme, parameters }) => ({
              scheme: scheme.toLowerCase(),
              ...Object.fromEntries(parameters.map(({ name, value: text }) => [name.toLowerCase(), text])),
            })),
          );
        },
      ),
    );
  });

  it('returns a list for any header', () => {
    const unit = fc.constantFrom('B', ' ', '"', '\\', ',', '=', 'realm', '\n', '\t', '{');
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit, maxLength: 200 }), fc.string()), (header) => {
        expect(Array.isArray(parseChallenges(header))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('reads the longest header that a server may send within seconds', () => {
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
