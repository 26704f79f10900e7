import { Aws } from 'aws-cdk-lib';
import { packPermissions } from '../../lib/policy-packing';

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
    expect(statements.filter(({ sid }) => sid === 'Read').flatMap(({ resources }) => resources)).toEqual(
      names(12),
    );
    expect(statements.filter(({ sid }) => sid === 'Write').flatMap(({ resources }) => resources)).toEqual(
      names(8),
    );
    expect(
      packed.map(policyLength).every((size, index) => size <= (index === 0 ? limits.first : limits.further)),
    ).toBe(true);
    expect(packed.length).toBeGreaterThan(2);
  });

  it('counts a token as the longest text that it can become', () => {
    const long = 'x'.repeat(14);
    const literal = names(9).map((name) => `${name}${long}`);
    const reference = names(9).map((name) => `${name}${Aws.REGION}`);

    const shape = (resources: string[]) =>
      packPermissions([{ ...read, resources }], limits).map(([statement]) => statement?.resources.length);

    expect(shape(reference)).toEqual(shape(literal));
  });
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
