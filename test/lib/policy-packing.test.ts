import { App, Aws, Stack } from 'aws-cdk-lib';
import { packPermissions } from '../../lib/policy-packing';
import { estimatedLength } from '../../lib/tokens';

describe('packPermissions', () => {
  const limits = { first: 200, further: 300 };
  const read = { sid: 'Read', actions: ['s3:GetObject'] };
  const write = { sid: 'Write', actions: ['s3:PutObject'] };
  const names = (count: number) =>
    Array.from({ length: count }, (_, index) => `arn:aws:s3:::bucket/object-${index}`);

  it('puts everything into one policy when it fits, without duplicate resources', () => {
    const packed = packPermissions(
      [
        { ...read, resources: ['a', 'b', 'a'] },
        { ...write, resources: ['a'] },
      ],
      limits,
    );

    expect(packed).toEqual([
      [
        { ...read, resources: ['a', 'b'] },
        { ...write, resources: ['a'] },
      ],
    ]);
  });

  it('leaves out a permission without resources', () => {
    expect(packPermissions([{ ...read, resources: [] }], limits)).toEqual([[]]);
  });

  it('continues a permission in more policies, without loss and within their limits', () => {
    const packed = packPermissions(
      [
        { ...read, resources: names(12) },
        { ...write, resources: names(8) },
      ],
      limits,
    );

    const statements = packed.flat();
    const resourcesOf = (wanted: string) =>
      statements.flatMap(({ sid, resources }) => (sid === wanted ? resources : [])).sort();
    expect(resourcesOf('Read')).toEqual(names(12).sort());
    expect(resourcesOf('Write')).toEqual(names(8).sort());
    expect(
      packed.map(policyLength).every((size, index) => size <= (index === 0 ? limits.first : limits.further)),
    ).toBe(true);
    expect(packed.length).toBeGreaterThan(2);
  });

  it('counts a token as the longest text that it can become', () => {
    const long = 'x'.repeat(14);
    const literal = names(9).map((name) => `${name}${long}`);
    const reference = names(9).map((name) => `${name}${Aws.REGION}`);

    const stack = new Stack(new App());
    const keyOf = (resource: string) => resource.replace(long, '').replace(Aws.REGION, '');
    const lengthOf = (text: string) => estimatedLength(stack, text);
    const shape = (resources: string[]) =>
      packPermissions([{ ...read, resources }], limits, { keyOf, lengthOf }).map(
        ([statement]) => statement?.resources.length,
      );

    expect(shape(reference)).toEqual(shape(literal));
  });
  it('leaves every resource in its policy when another is removed and the number of policies stays the same', () => {
    const all = names(60);
    const before = placesOf(all);

    for (const gone of all) {
      const after = placesOf(all.filter((name) => name !== gone));
      if (after.count !== before.count) continue;
      for (const [name, policy] of after.places)
        expect([name, policy]).toEqual([name, before.places.get(name)]);
    }
    expect(before.count).toBeGreaterThan(3);
  });

  it('moves resources only into a policy that is added, so that none is without permission in between', () => {
    const moves = Array.from({ length: 120 }, (_, index) => index + 1).flatMap((size) => {
      const [before, after] = [placesOf(names(size)), placesOf(names(size + 1))];
      return [...before.places].flatMap(([name, policy]) => {
        const place = after.places.get(name) ?? -1;
        return place === policy ? [] : [{ added: place >= before.count }];
      });
    });

    expect(moves.length).toBeGreaterThan(10);
    expect(moves.filter(({ added }) => !added)).toEqual([]);
  });

  it('keeps a permission in the first policy that belongs there', () => {
    const packed = packPermissions(
      [
        { ...write, resources: ['one', 'two'], inFirst: true },
        { ...read, resources: names(40) },
      ],
      limits,
    );

    expect(packed.map((policy) => policy.some(({ sid }) => sid === 'Write'))).toEqual([
      true,
      ...packed.slice(1).map(() => false),
    ]);
  });

  function placesOf(resources: string[]): { count: number; places: Map<string, number> } {
    const packed = packPermissions([{ ...read, resources }], limits);
    const places = packed.flatMap((policy, index) =>
      policy.flatMap((statement) => statement.resources.map((name): [string, number] => [name, index])),
    );
    return { count: packed.length, places: new Map(places) };
  }
});

function policyLength(
  statements: { sid: string; actions: readonly string[]; resources: readonly string[] }[],
): number {
  return statements
    .map(({ sid, actions, resources }) =>
      JSON.stringify({ Sid: sid, Effect: 'Allow', Action: actions, Resource: resources }),
    )
    .join(',').length;
}
