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
  it('lets exactly these roles pull, and nothing else', () => {
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

  it('names each account once', () => {
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
  it('makes a policy where there is none', () => {
    expect(parsed(withStatement(undefined, statement, WHERE))).toEqual({
      Version: '2012-10-17',
      Statement: [statement],
    });
  });

  it('keeps the version of the policy and whatever else stands in it', () => {
    const text = JSON.stringify({ Version: '2008-10-17', Id: 'x', Statement: [foreign] });

    expect(parsed(withStatement(text, statement, WHERE))).toEqual({
      Version: '2008-10-17',
      Id: 'x',
      Statement: [foreign, statement],
    });
  });

  it('puts a new statement in the place of the old one, and leaves only one', () => {
    const old = { Sid: STATEMENT_SID, Effect: 'Deny' };
    const text = JSON.stringify({ Statement: [old, foreign, old] });

    expect(parsed(withStatement(text, statement, WHERE))).toEqual({ Statement: [statement, foreign] });
  });

  it.each<[string, object]>([
    ['as it was written', statement],
    ['with lists of one as a single value', { ...statement, Principal: { AWS: '550005742258' } }],
    ['with its lists and keys in another order', reversed(statement)],
  ])('leaves the text alone where the statement stands there %s', (_, standing) => {
    const text = JSON.stringify({ Statement: [foreign, standing] }, null, 4);

    expect(withStatement(text, statement, WHERE)).toBe(text);
  });

  it.each<[string, object]>([
    ['another role', pullStatement([ROLE])],
    ['no condition', { ...statement, Condition: undefined }],
    ['another effect', { ...statement, Effect: 'Deny' }],
    ['an action more', { ...statement, Action: ['ecr:*', 'ecr:BatchGetImage'] }],
    ['everybody', { ...statement, Principal: { AWS: '*' } }],
  ])('puts the statement right that has %s', (_, standing) => {
    const text = JSON.stringify({ Statement: [standing] });

    expect(parsed(withStatement(text, statement, WHERE))).toEqual({ Statement: [statement] });
  });

  it.each([
    ['no JSON', '{"Version": hunter2', 'its text is not a JSON object'],
    ['no text', '', 'its text is not a JSON object'],
    ['a list', '[]', 'its text is not a JSON object'],
    ['null', 'null', 'its text is not a JSON object'],
    ['a word for statements', '{"Statement": "hunter2"}', 'its Statement is neither an object nor a list'],
    ['null for statements', '{"Statement": null}', 'its Statement is neither an object nor a list'],
  ])('refuses a policy with %s, naming the repository and quoting nothing', (_, text, why) => {
    const expected = `the policy of ${WHERE} is not understood: ${why}; nothing was changed, put the policy right first`;

    expect(() => withStatement(text, statement, WHERE)).toThrow(expected);
    expect(() => withoutStatement(text, WHERE)).toThrow(expected);
    expect(() => ownStatement(text, WHERE)).toThrow(expected);
  });
});

describe('withoutStatement', () => {
  it('leaves nothing of a policy that had nothing else', () => {
    expect(withoutStatement(withStatement(undefined, statement, WHERE), WHERE)).toBeUndefined();
  });

  it('leaves no policy where there is none', () => {
    expect(withoutStatement(undefined, WHERE)).toBeUndefined();
  });

  it('leaves the text alone that has no such statement', () => {
    const text = JSON.stringify({ Statement: foreign }, null, 4);

    expect(withoutStatement(text, WHERE)).toBe(text);
  });
});

describe('creating, changing and removing the statement', () => {
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

  it('gives back every policy exactly as it was', () => {
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

  it('adds one statement and leaves the others in their order', () => {
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

/** The same statement as AWS might write it. */
function reversed(value: object): object {
  const entries = Object.entries(value).map(([key, item]) => {
    if (Array.isArray(item)) return [key, [...item].reverse()];
    return [key, typeof item === 'object' && item !== null ? reversed(item) : item];
  });
  return Object.fromEntries(entries.reverse());
}
