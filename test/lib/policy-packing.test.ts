import { Aws } from 'aws-cdk-lib';
import { packPermissions } from '../../lib/policy-packing';

describe('packPermissions', () => {
  const room = { first: 200, further: 300 };
  const read = { sid: 'Read', actions: ['s3:GetObject'] };
  const write = { sid: 'Write', actions: ['s3:PutObject'] };
  const names = (count: number) =>
    Array.from({ length: count }, (_, index) => `arn:aws:s3:::bucket/object-${index}`);

  it('puts everything into one policy where it fits, each resource once', () => {
    const packed = packPermissions(
      [
        { ...read, resources: ['a', 'b', 'a'] },
        { ...write, resources: ['a'] },
      ],
      room,
    );

    expect(packed).toEqual([
      [
        { ...read, resources: ['a', 'b'] },
        { ...write, resources: ['a'] },
      ],
    ]);
  });

  it('leaves out a permission without resources', () => {
    expect(packPermissions([{ ...read, resources: [] }], room)).toEqual([[]]);
  });

  it('continues a permission in further policies, complete and within their room', () => {
    const packed = packPermissions(
      [
        { ...read, resources: names(12) },
        { ...write, resources: names(8) },
      ],
      room,
    );

    const statements = packed.flat();
    expect(statements.filter(({ sid }) => sid === 'Read').flatMap(({ resources }) => resources)).toEqual(
      names(12),
    );
    expect(statements.filter(({ sid }) => sid === 'Write').flatMap(({ resources }) => resources)).toEqual(
      names(8),
    );
    expect(
      packed.map(writtenSize).every((size, index) => size <= (index === 0 ? room.first : room.further)),
    ).toBe(true);
    expect(packed.length).toBeGreaterThan(2);
  });

  it('counts a reference as the longest text that it can become', () => {
    const long = 'x'.repeat(14);
    const literal = names(9).map((name) => `${name}${long}`);
    const reference = names(9).map((name) => `${name}${Aws.REGION}`);

    const shape = (resources: string[]) =>
      packPermissions([{ ...read, resources }], room).map(([statement]) => statement?.resources.length);

    expect(shape(reference)).toEqual(shape(literal));
  });
});

function writtenSize(
  statements: { sid: string; actions: readonly string[]; resources: readonly string[] }[],
): number {
  return statements
    .map(({ sid, actions, resources }) =>
      JSON.stringify({ Sid: sid, Effect: 'Allow', Action: actions, Resource: resources }),
    )
    .join(',').length;
}
