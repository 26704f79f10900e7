import { type AlarmRequest, allowsAlarm, type Verdict } from '../../cli/doctor/resource-policy';

const TOPIC = 'arn:aws:sns:us-east-1:111111111111:pages';

const REQUEST: AlarmRequest = {
  action: 'sns:Publish',
  resource: TOPIC,
  account: '123456789012',
  alarmArn: 'arn:aws:cloudwatch:us-east-1:123456789012:alarm:Refresher-RefreshSilent',
};

const CLOUDWATCH = { Service: 'cloudwatch.amazonaws.com' };

/** A statement that allows the request, with some fields replaced. */
function statement(fields: object = {}): object {
  return { Effect: 'Allow', Principal: CLOUDWATCH, Action: 'sns:Publish', Resource: TOPIC, ...fields };
}

describe('allowsAlarm', () => {
  it.each<[string, object | object[], Verdict]>([
    ['names CloudWatch', statement(), 'yes'],
    [
      'names it among others, with a wildcard',
      statement({ Principal: { Service: ['x', 'cloudwatch.amazonaws.com'] }, Action: ['SNS:*'] }),
      'yes',
    ],
    ['lets everybody in', statement({ Principal: '*' }), 'yes'],
    ['has no statement', [], 'no'],
    ['names another service', statement({ Principal: { Service: 'events.amazonaws.com' } }), 'no'],
    ['names only accounts', statement({ Principal: { AWS: 'arn:aws:iam::123456789012:root' } }), 'no'],
    ['allows another action', statement({ Action: 'sns:Subscribe' }), 'no'],
    ['is for another topic', statement({ Resource: `${TOPIC}-2` }), 'no'],
    [
      "is SNS's own, and the topic is in another account",
      statement({
        Principal: { AWS: '*' },
        Condition: { StringEquals: { 'AWS:SourceOwner': '111111111111' } },
      }),
      'no',
    ],
    [
      'is for this account',
      statement({ Condition: { StringEquals: { 'aws:SourceAccount': ['1', '123456789012'] } } }),
      'yes',
    ],
    [
      'is for alarms of this account',
      statement({ Condition: { ArnLike: { 'aws:SourceArn': 'arn:aws:cloudwatch:*:123456789012:alarm:*' } } }),
      'yes',
    ],
    [
      'is for alarms of another account',
      statement({ Condition: { ArnLike: { 'aws:SourceArn': 'arn:aws:cloudwatch:*:999999999999:alarm:*' } } }),
      'no',
    ],
    [
      'is for an organisation',
      statement({ Condition: { StringEquals: { 'aws:SourceOrgID': 'o-1' } } }),
      'unknown',
    ],
    [
      'excludes an account',
      statement({ Condition: { StringNotEquals: { 'aws:SourceAccount': '9' } } }),
      'unknown',
    ],
    [
      'names who is not meant',
      { Effect: 'Allow', NotPrincipal: { AWS: 'x' }, Action: '*', Resource: '*' },
      'unknown',
    ],
    [
      'also denies requests without TLS',
      [
        statement(),
        statement({ Effect: 'Deny', Principal: '*', Condition: { Bool: { 'aws:SecureTransport': false } } }),
      ],
      'yes',
    ],
    ['also denies everything', [statement(), statement({ Effect: 'Deny', Principal: '*' })], 'no'],
  ])('reads a policy that %s', (_, Statement, verdict) => {
    expect(allowsAlarm(JSON.stringify({ Statement }), REQUEST)).toBe(verdict);
  });

  it('returns unknown for a policy that is not JSON', () => {
    expect(allowsAlarm('no JSON', REQUEST)).toBe('unknown');
  });
});
