import fc from 'fast-check';
import { RUNPOD_PRINCIPAL_ARNS, STATEMENT_SID } from '../../../lambda/delegate-repository/model';
import {
  ownStatement,
  pullStatement,
  withoutStatement,
  withStatement,
} from '../../../lambda/delegate-repository/policy-text';

const WHERE = 'repository my-app in us-east-1';
const ROLE = 'arn:aws:iam::210987654321:role/team/pull';
const statement = pullStatement(RUNPOD_PRINCIPAL_ARNS);
const foreign = { Sid: 'Theirs', Effect: 'Deny', Principal: '*', Action: 'ecr:PutImage' };

describe('pullStatement', () => {
  it('allows exactly these roles to pull and nothing else', () => {
    expect(statement).toEqual({
      Sid: 'RunpodEcrDelegation',
      Effect: 'Allow',
      Principal: { AWS: ['arn:aws:iam::550005742258:root'] },
      Action: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
      Condition: {
        StringEquals: {
          'aws:PrincipalArn': [
            'arn:aws:iam::550005742258:role/prod-us-east-1-deployment-role',
            'arn:aws:iam::550005742258:role/prod-us-west-2-deployment-role',
          ],
        },
      },
    });
  });

  it('names each account only once', () => {
    const { Principal } = pullStatement([...RUNPOD_PRINCIPAL_ARNS, ROLE]);

    expect(Principal).toEqual({
      AWS: ['arn:aws:iam::550005742258:root', 'arn:aws:iam::210987654321:root'],
    });
  });

  it.each(['*', 'arn:aws:iam::210987654321:user/me', 'arn:aws:iam::2109:role/pull', ''])(
    'refuses %j as a principal',
    (arn) => {
      expect(() => pullStatement([arn])).toThrow('expected the ARN of a role as each principal');
    },
  );
});

describe('withStatement', () => {
  it('creates a policy when there is none', () => {
    expect(parsed(withStatement(undefined, statement, WHERE))).toEqual({
      Version: '2012-10-17',
      Statement: [statement],
    });
  });

  it('keeps the version and all other parts of the policy', () => {
    const text = JSON.stringify({ Version: '2008-10-17', Id: 'x', Statement: [foreign] });

    expect(parsed(withStatement(text, statement, WHERE))).toEqual({
      Version: '2008-10-17',
      Id: 'x',
      Statement: [foreign, statement],
    });
  });

  it('replaces the old statement and removes its duplicates', () => {
    const old = { Sid: STATEMENT_SID, Effect: 'Deny' };
    const text = JSON.stringify({ Statement: [old, foreign, old] });

    expect(parsed(withStatement(text, statement, WHERE))).toEqual({ Statement: [statement, foreign] });
  });

  it.each<[string, object]>([
    ['unchanged', statement],
    ['with a single value instead of a list of one', { ...statement, Principal: { AWS: '550005742258' } }],
    ['in another order', reversed(statement)],
  ])('returns the same text when the policy has the statement %s', (_, standing) => {
    const text = JSON.stringify({ Statement: [foreign, standing] }, null, 4);

    expect(withStatement(text, statement, WHERE)).toBe(text);
  });

  it.each<[string, object]>([
    ['another role', pullStatement([ROLE])],
    ['no condition', { ...statement, Condition: undefined }],
    ['another effect', { ...statement, Effect: 'Deny' }],
    ['another action', { ...statement, Action: ['ecr:*', 'ecr:BatchGetImage'] }],
    ['everybody as principal', { ...statement, Principal: { AWS: '*' } }],
  ])('replaces a statement with %s', (_, standing) => {
    const text = JSON.stringify({ Statement: [standing] });

    expect(parsed(withStatement(text, statement, WHERE))).toEqual({ Statement: [statement] });
  });

  it.each([
    ['not JSON', '{"Version": hunter2', 'its text is not a JSON object'],
    ['empty', '', 'its text is not a JSON object'],
    ['a list', '[]', 'its text is not a JSON object'],
    ['null', 'null', 'its text is not a JSON object'],
    [
      'wrong: its Statement is text',
      '{"Statement": "hunter2"}',
      'its Statement is neither an object nor a list',
    ],
    ['wrong: its Statement is null', '{"Statement": null}', 'its Statement is neither an object nor a list'],
  ])('refuses a policy that is %s without quoting it', (_, text, why) => {
    const expected = `the policy of ${WHERE} is not understood: ${why}; nothing was changed, correct the policy first`;

    expect(() => withStatement(text, statement, WHERE)).toThrow(expected);
    expect(() => withoutStatement(text, WHERE)).toThrow(expected);
    expect(() => ownStatement(text, WHERE)).toThrow(expected);
  });
});

describe('withoutStatement', () => {
  it('returns no policy when no other statement is left', () => {
    expect(withoutStatement(withStatement(undefined, statement, WHERE), WHERE)).toBeUndefined();
  });

  it('returns no policy when there is none', () => {
    expect(withoutStatement(undefined, WHERE)).toBeUndefined();
  });

  it('returns the same text when the policy does not have the statement', () => {
    const text = JSON.stringify({ Statement: foreign }, null, 4);

    expect(withoutStatement(text, WHERE)).toBe(text);
  });
});

describe('withStatement and withoutStatement', () => {
  const text = fc.string({ maxLength: 12 });
  const sid = fc.option(
    text.filter((one) => one !== STATEMENT_SID),
    { nil: undefined },
  );
  const statements = fc
    .tuple(fc.dictionary(text, fc.jsonValue()), sid)
    .map(([fields, Sid]) => ({ ...fields, ...(Sid !== undefined ? { Sid } : { Sid: 0 }) }));
  const policies = fc.record(
    {
      Version: fc.constantFrom('2008-10-17', '2012-10-17'),
      Id: fc.jsonValue(),
      Statement: fc.oneof(statements, fc.array(statements, { minLength: 1, maxLength: 5 })),
    },
    { requiredKeys: ['Statement'] },
  );

  it('restore every policy after the statement is added, changed and removed', () => {
    fc.assert(
      fc.property(policies, (policy) => {
        const before = JSON.stringify(policy);

        const created = withStatement(before, statement, WHERE);
        const changed = withStatement(created, pullStatement([ROLE]), WHERE);
        const removed = withoutStatement(changed, WHERE);

        expect(parsed(removed)).toEqual(parsed(before));
      }),
      { numRuns: 500 },
    );
  });

  it('add one statement and keep the others in order', () => {
    fc.assert(
      fc.property(policies, (policy) => {
        const before = JSON.stringify(policy);

        const created = withStatement(before, statement, WHERE);

        const { Statement, ...rest } = parsed(created);
        const { Statement: theirs, ...theirRest } = parsed(before);
        expect(Statement.filter((one: { Sid?: unknown }) => one.Sid !== STATEMENT_SID)).toEqual(
          [theirs].flat(),
        );
        expect(Statement).toHaveLength([theirs].flat().length + 1);
        expect(rest).toEqual(theirRest);
        expect(ownStatement(created, WHERE)).toEqual(statement);
        expect(withStatement(created, statement, WHERE)).toBe(created);
      }),
    );
  });
});

function parsed(text: string | undefined) {
  return JSON.parse(text ?? 'null');
}

/** The same value with its keys and lists in reverse order. */
function reversed(value: object): object {
  const entries = Object.entries(value).map(([key, item]) => {
    if (Array.isArray(item)) return [key, [...item].reverse()];
    return [key, typeof item === 'object' && item !== null ? reversed(item) : item];
  });
  return Object.fromEntries(entries.reverse());
}
