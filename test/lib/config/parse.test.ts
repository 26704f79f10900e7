import { ConfigError } from '../../../lib/config/mistakes';
import { parseConfig } from '../../../lib/config/parse';
import { toSettings } from '../../../lib/config/settings';
import { configJson, type Json, manyTargets, targetJson } from './builder';

const RUNPOD_KEY = 'rpa_0H2K9XJ4M7Q1W5E8R3T6Y0U2I4O6P8A1S3D5F7G9H1J3';

describe('parseConfig', () => {
  it('accepts a name that contains the letters of a key’s prefix', () => {
    const registry = { type: 'ecr', repositories: ['sherpa_inference'] };

    const text = JSON.stringify(configJson({ targets: [targetJson({ registry })] }));

    expect(parseConfig(text, 'test.json').targets[0]?.registry).toMatchObject(registry);
  });

  it('fills in every default', () => {
    const config = parseConfig(JSON.stringify(configJson()), 'test.json');

    expect(config).toEqual({
      stackName: 'EcrCredentialRefresher',
      runpodApiKeySecretName: 'runpod/api-key',
      refreshIntervalHours: 6,
      firstRefresh: 'require',
      targets: [
        {
          name: 'prod',
          registryAuthId: 'clzdaifot0001l90809257ynb',
          registry: { type: 'ecr', repositories: ['worker'] },
          verify: 'best-effort',
        },
      ],
      delegations: [],
      additionalRegions: [],
      architecture: 'arm64',
      alarms: {
        emails: [],
        httpsEndpoints: [],
        topicArns: [],
        warningEmails: [],
        warningTopicArns: [],
        apiKeyMaxAgeDays: 90,
      },
      pullWatch: { mode: 'auto', intervalMinutes: 60, ignore: [] },
      runpod: {
        api: 'auto',
        restV2Url: 'https://api.runpod.io/v2',
        restV1Url: 'https://rest.runpod.io/v1',
        graphqlUrl: 'https://api.runpod.io/graphql',
        delegationPrincipalArns: [
          'arn:aws:iam::550005742258:role/prod-us-east-1-deployment-role',
          'arn:aws:iam::550005742258:role/prod-us-west-2-deployment-role',
        ],
      },
    });
  });

  it('accepts every key of the file with unusual but valid values', () => {
    const everything = {
      $schema: './refresher.schema.json',
      stackName: 'Refresher-2',
      runpodApiKeySecretName:
        'arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:runpod/key-AbCd12',
      refreshIntervalHours: 1,
      firstRefresh: 'attempt',
      targets: [
        targetJson({ runpodApiKeySecretName: 'team_b/key+1=@x.y' }),
        targetJson({
          name: 'by_name-1',
          registryAuthId: undefined,
          registryAuthName: 'ECR (production)',
          registry: {
            type: 'ecr',
            region: 'ap-southeast-5',
            repositories: ['team/a.b_c-d', 'w1'],
            roleArn: 'arn:aws-cn:iam::210987654321:role/path/pull',
            externalId: 'runpod:42',
          },
          verify: 'required',
          verifyImage: `team/a.b_c-d@sha256:${'a'.repeat(64)}`,
        }),
      ],
      alarms: {
        emails: ['oncall@example.com'],
        httpsEndpoints: ['https://events.example.com/integration/1?a=b'],
        topicArns: ['arn:aws:sns:us-east-1:123456789012:oncall'],
        warningEmails: ['team@example.com'],
        warningTopicArns: [],
        runbookUrl: 'https://wiki.example.com/runbook#top',
        apiKeyMaxAgeDays: 30,
      },
      runpod: {
        api: 'graphql',
        restV2Url: 'http://127.0.0.1:8080/v2',
        restV1Url: 'http://localhost:1/v1',
        graphqlUrl: 'http://[::1]:3/g',
      },
    };

    expect(parseConfig(JSON.stringify(everything), 'test.json')).toMatchObject({ targets: { length: 2 } });
  });

  it.each<[string, Json, string, Json]>([
    ['ecr-public', {}, 'acme/worker:1', { url: 'https://public.ecr.aws' }],
    [
      'docker-hub',
      { credentialSecretName: 'hub' },
      `acme/worker@sha256:${'a'.repeat(64)}`,
      { credentialSecretName: 'hub', url: 'https://registry-1.docker.io' },
    ],
    [
      'ghcr',
      { credentialSecretName: 'g', url: 'https://containers.example.ghe.com' },
      'acme/team/worker:1',
      { credentialSecretName: 'g', url: 'https://containers.example.ghe.com' },
    ],
    [
      'google-artifact-registry',
      { credentialSecretName: 'g', location: 'europe-west3' },
      'example.com/project/repository/worker:1',
      { credentialSecretName: 'g', url: 'https://europe-west3-docker.pkg.dev' },
    ],
    [
      'google-artifact-registry',
      { credentialSecretName: 'g', location: 'europe', url: 'https://eu.gcr.io' },
      'project/worker:1',
      { credentialSecretName: 'g', url: 'https://eu.gcr.io' },
    ],
    [
      'self-hosted',
      { credentialSecretName: 's', url: 'https://[2001:db8::1]:8443/' },
      'my.team/worker:1',
      { credentialSecretName: 's', url: 'https://[2001:db8::1]:8443/' },
    ],
    [
      'self-hosted',
      { credentialSecretName: 's', url: 'http://127.0.0.1:5000' },
      'worker:1',
      { credentialSecretName: 's', url: 'http://127.0.0.1:5000' },
    ],
  ])('fills in the settings of a registry of type %s', (type, keys, verifyImage, expected) => {
    const input = withTarget({ registry: { type, ...keys }, verifyImage });

    const { targets } = toSettings(parseConfig(JSON.stringify(input), 'test.json'));

    expect(targets[0]).toMatchObject({ verifyImage });
    expect(targets[0]?.registry).toEqual({ type, ...expected });
  });

  it('adds the namespace library/ to an official image of Docker Hub', () => {
    const registry = { type: 'docker-hub', credentialSecretName: 'hub' };
    const input = withTarget({ registry, verifyImage: 'nginx:1.27' });

    const { targets } = toSettings(parseConfig(JSON.stringify(input), 'test.json'));

    expect(targets[0]?.verifyImage).toBe('library/nginx:1.27');
  });

  it('accepts a byte order mark', () => {
    expect(parseConfig(`\uFEFF${JSON.stringify(configJson())}`, 'test.json').stackName).toBe(
      'EcrCredentialRefresher',
    );
  });

  it('accepts registry auths of the same name in two Runpod accounts', () => {
    const named = { registryAuthId: undefined, registryAuthName: 'ecr' };
    const targets = [
      targetJson({ ...named, name: 'a' }),
      targetJson({ ...named, name: 'b', runpodApiKeySecretName: 'runpod/team-b' }),
    ];

    expect(parseConfig(JSON.stringify({ targets }), 'test.json').targets).toHaveLength(2);
  });

  it('reports the mistakes against the schema and the rules in one message', () => {
    const message = messageOf({
      stackNme: 'Refresher',
      refreshIntervalHours: 8,
      targets: [
        targetJson({ registry: { type: 'ecr', repositories: ['worker'], externalId: 'x1' } }),
        targetJson({ registry: { type: 'ecr', region: 'useast1', repositories: ['worker'] } }),
      ],
    });

    expect(message).toBe(
      [
        'test.json has 6 mistakes:',
        "  refreshIntervalHours: expected a whole number of hours from 1 to 6 (half of an ECR credential's 12 hours); found 8",
        '  stackNme: expected a known key, perhaps "stackName"; found an unknown key',
        '  targets[0].registry.externalId: expected externalId only together with roleArn, the role that requires it; found no roleArn',
        '  targets[1].name: expected a name that no other target has; found "prod", as in targets[0]',
        '  targets[1].registry.region: expected an AWS region, such as us-east-1; found "useast1". Write "us-east-1".',
        '  targets[1].registryAuthId: expected a registry auth that no other target with the same API key writes; found "clzdaifot0001l90809257ynb", as in targets[0]',
        'Every key is described in refresher.schema.json.',
      ].join('\n'),
    );
  });

  it.each<[string, Json | string, string]>([
    [
      'no targets',
      { targets: [] },
      'targets: expected at least one target, or a delegation; found a list of 0',
    ],
    ['a missing key', {}, 'targets: expected at least one target, or a delegation; found nothing'],
    ['a list instead of an object', '[]', '(the whole file): expected a JSON object; found a list of 0'],
    ['a wrong type', { targets: 'prod' }, 'targets: expected a list of targets; found "prod"'],
    ['null', { targets: [null] }, 'targets[0]: expected an object that describes one target; found null'],
    [
      'a stack name with a space',
      configJson({ stackName: 'my stack' }),
      'stackName: expected a CloudFormation stack name: a letter, then up to 127 letters, digits and -; found "my stack"',
    ],
    [
      "the name of the CDK's own stack",
      configJson({ stackName: 'CDKToolkit' }),
      'stackName: expected a CloudFormation stack name: a letter, then up to 127 letters, digits and -; found "CDKToolkit"',
    ],
    [
      'a runbook address that is too long for an alarm’s description',
      configJson({ alarms: { runbookUrl: `https://example.com/${'x'.repeat(500)}` } }),
      'alarms.runbookUrl: expected an https: address of at most 500 characters (http: only for a loopback host); found a text of 520 characters',
    ],
    [
      'an interval of 0 hours',
      configJson({ refreshIntervalHours: 0 }),
      "refreshIntervalHours: expected a whole number of hours from 1 to 6 (half of an ECR credential's 12 hours); found 0",
    ],
    [
      'an interval of half an hour',
      configJson({ refreshIntervalHours: 0.5 }),
      "refreshIntervalHours: expected a whole number of hours from 1 to 6 (half of an ECR credential's 12 hours); found 0.5",
    ],
    [
      'an unknown mode of the first refresh',
      configJson({ firstRefresh: 'yes' }),
      'firstRefresh: expected one of "require", "attempt", "off"; found "yes"',
    ],
    [
      'an unknown architecture',
      configJson({ architecture: 'amd64' }),
      'architecture: expected one of "arm64", "x86_64"; found "amd64"',
    ],
    [
      'a bad target name',
      withTarget({ name: 'a b' }),
      'targets[0].name: expected 1 to 64 letters, digits, _ and -; found "a b"',
    ],
    [
      'neither id nor name',
      withTarget({ registryAuthId: undefined }),
      'targets[0]: expected either registryAuthId or registryAuthName; found neither',
    ],
    [
      'both id and name',
      withTarget({ registryAuthName: 'ecr' }),
      'targets[0]: expected either registryAuthId or registryAuthName; found both',
    ],
    [
      'an unknown key of a target',
      withTarget({ Verify: 'off' }),
      'targets[0].Verify: expected a known key, perhaps "verify"; found an unknown key',
    ],
    [
      'an unknown key that resembles no known one',
      configJson({ zzz: 1 }),
      'zzz: expected one of the keys $schema, stackName, runpodApiKeySecretName, refreshIntervalHours, firstRefresh, targets, delegations, additionalRegions, architecture, alarms, pullWatch, standby, runpod; found an unknown key',
    ],
    [
      'an unknown type of registry',
      withRegistry({ type: 'gcr' }),
      'targets[0].registry.type: expected one of "ecr", "ecr-public", "docker-hub", "ghcr", "google-artifact-registry", "self-hosted"; found "gcr"',
    ],
    [
      'no registry',
      withTarget({ registry: undefined }),
      'targets[0].registry: expected an object whose type is one of "ecr", "ecr-public", "docker-hub", "ghcr", "google-artifact-registry", "self-hosted"; found nothing',
    ],
    [
      'no repositories',
      withRegistry({ repositories: [] }),
      'targets[0].registry.repositories: expected at least one repository name; found a list of 0',
    ],
    [
      'an unknown key of a registry',
      withRegistry({ repository: 'x' }),
      'targets[0].registry.repository: expected a known key, perhaps "repositories"; found an unknown key',
    ],
    [
      'an image where a repository is expected',
      withRegistry({ repositories: ['worker:1'] }),
      'targets[0].registry.repositories[0]: expected the name of an ECR repository, such as team/worker, without registry host, tag or ARN; found "worker:1". Write "worker".',
    ],
    [
      'a wildcard repository',
      withRegistry({ repositories: ['team/*'] }),
      'targets[0].registry.repositories[0]: expected the name of an ECR repository, such as team/worker, without registry host, tag or ARN; found "team/*"',
    ],
    [
      'the ARN of a user',
      withRegistry({ roleArn: 'arn:aws:iam::210987654321:user/pull' }),
      'targets[0].registry.roleArn: expected a role\'s ARN, such as arn:aws:iam::210987654321:role/pull; found "arn:aws:iam::210987654321:user/pull"',
    ],
    [
      'a wildcard role',
      withRegistry({ roleArn: 'arn:aws:iam::210987654321:role/*' }),
      'targets[0].registry.roleArn: expected a role\'s ARN, such as arn:aws:iam::210987654321:role/pull; found "arn:aws:iam::210987654321:role/*"',
    ],
    [
      'an image of another repository',
      withTarget({ verifyImage: 'other:1' }),
      'targets[0].verifyImage: expected an image of one of the repositories of this target, as repository:tag or repository@digest; found "other:1"',
    ],
    [
      'an image without tag',
      withTarget({ verifyImage: 'worker' }),
      'targets[0].verifyImage: expected an image as repository:tag or repository@sha256:digest, without registry host; found "worker"',
    ],
    [
      'a key that belongs to another type of registry',
      withTarget({ registry: { type: 'docker-hub', credentialSecretName: 'hub', repositories: ['worker'] } }),
      'targets[0].registry.repositories: expected one of the keys type, credentialSecretName, url; found an unknown key',
    ],
    [
      'a stored login without its secret',
      withTarget({ registry: { type: 'ghcr' } }),
      'targets[0].registry.credentialSecretName: expected the name of a Secrets Manager secret, such as runpod/api-key, or its full ARN with the six characters at the end; found nothing',
    ],
    [
      'an invalid location',
      withTarget({
        registry: { type: 'google-artifact-registry', credentialSecretName: 'g', location: 'eu_1' },
      }),
      'targets[0].registry.location: expected a location of Artifact Registry, such as europe-west3 or us; found "eu_1"',
    ],
    ...[
      ['without an address', undefined, 'nothing'],
      ['over plain http', 'http://registry.example.com', '"http://registry.example.com"'],
      [
        'over plain http on a host whose name only begins like a loopback one',
        'http://127.0.0.1.example.com',
        '"http://127.0.0.1.example.com"',
      ],
      ['with a path', 'https://example.com/registry', '"https://example.com/…"'],
      ['with a query', 'https://example.com?a=b', '"https://example.com/…"'],
      ['with a user', 'https://me:hunter2@example.com', '"https://example.com"'],
      ['without a protocol', 'registry.example.com', '"registry.example.com"'],
    ].map(([what, url, found]): [string, Json, string] => [
      `a registry ${what}`,
      withTarget({ registry: { type: 'self-hosted', credentialSecretName: 's', url } }),
      `targets[0].registry.url: expected an https: address of host and port only, such as https://registry.example.com (http: only for a loopback host); found ${found}`,
    ]),
    ...(
      [
        [
          'docker-hub',
          'docker.io/acme/worker:1',
          'an image as namespace/repository:tag, or repository:tag for an official one, without docker.io/',
          '. Write "acme/worker:1".',
        ],
        [
          'docker-hub',
          'docker.io/worker:1',
          'an image as namespace/repository:tag, or repository:tag for an official one, without docker.io/',
          '. Write "worker:1".',
        ],
        [
          'ghcr',
          'ghcr.io/acme/worker:1',
          'an image as owner/name:tag, without ghcr.io/',
          '. Write "acme/worker:1".',
        ],
        ['ghcr', 'worker:1', 'an image as owner/name:tag, without ghcr.io/', ''],
        [
          'ecr-public',
          'public.ecr.aws/acme/worker:1',
          'an image as alias/repository:tag, without public.ecr.aws/',
          '. Write "acme/worker:1".',
        ],
        [
          'google-artifact-registry',
          'us-docker.pkg.dev/p/r/worker:1',
          'an image as project/repository/name:tag, without LOCATION-docker.pkg.dev/',
          '. Write "p/r/worker:1".',
        ],
        [
          'google-artifact-registry',
          'eu.gcr.io/p/worker:1',
          'an image as project/repository/name:tag, without LOCATION-docker.pkg.dev/',
          '. Write "p/worker:1" and set "url": "https://eu.gcr.io".',
        ],
      ] as const
    ).map(([type, verifyImage, expected, fix]): [string, Json, string] => {
      const secret = type === 'ecr-public' ? {} : { credentialSecretName: 's' };
      const location = type === 'google-artifact-registry' ? { location: 'us' } : {};
      return [
        `the image ${verifyImage} at a registry of type ${type}`,
        withTarget({ registry: { type, ...secret, ...location }, verifyImage }),
        `targets[0].verifyImage: expected ${expected}; found "${verifyImage}"${fix}`,
      ];
    }),
    [
      'plain http',
      configJson({ runpod: { restV2Url: 'http://api.runpod.io/v2' } }),
      'runpod.restV2Url: expected an https: address without user, query or fragment (http: only for a loopback host); found "http://api.runpod.io/…"',
    ],
    [
      'plain http on a host whose name only begins like a loopback one',
      configJson({ runpod: { restV2Url: 'http://localhost.example.com' } }),
      'runpod.restV2Url: expected an https: address without user, query or fragment (http: only for a loopback host); found "http://localhost.example.com"',
    ],
    [
      'a webhook over http, even on loopback',
      configJson({ alarms: { httpsEndpoints: ['http://localhost/x'] } }),
      'alarms.httpsEndpoints[0]: expected an https: address; found "http://localhost/…"',
    ],
    [
      'a bad e-mail address',
      configJson({ alarms: { emails: ['oncall'] } }),
      'alarms.emails[0]: expected an e-mail address, such as oncall@example.com; found "oncall"',
    ],
    [
      'more topics than an alarm can notify',
      configJson({ alarms: { topicArns: Array(5).fill('arn:aws:sns:us-east-1:123456789012:oncall') } }),
      'alarms.topicArns: expected at most 4 SNS topic ARNs; found a list of 5',
    ],
    [
      'a FIFO topic',
      configJson({ alarms: { topicArns: ['arn:aws:sns:us-east-1:123456789012:x.fifo'] } }),
      'alarms.topicArns[0]: expected the ARN of a standard SNS topic, such as arn:aws:sns:us-east-1:123456789012:oncall; found "arn:aws:sns:us-east-1:123456789012:x.fifo"',
    ],
    [
      'a maximum age of 0 days',
      configJson({ alarms: { apiKeyMaxAgeDays: 0 } }),
      'alarms.apiKeyMaxAgeDays: expected a whole number of days from 1 to 3650; found 0',
    ],
  ])('refuses %s', (_, input, line) => {
    const message = messageOf(input);

    expect(message).toBe(
      `test.json has 1 mistake:\n  ${line}\nEvery key is described in refresher.schema.json.`,
    );
  });

  it.each([
    ['a name with a character that Secrets Manager does not allow', 'runpod key'],
    [
      'an ARN without the six characters at the end',
      'arn:aws:secretsmanager:us-east-1:123456789012:secret:key',
    ],
  ])('refuses %s as the name of a secret, and does not print it', (_, name) => {
    expect(messageOf(configJson({ runpodApiKeySecretName: name }))).toContain(
      `runpodApiKeySecretName: expected the name of a Secrets Manager secret, such as runpod/api-key, or its full ARN with the six characters at the end; found a text of ${name.length} characters`,
    );
  });

  it.each<[string, Json]>([
    ['the name of the secret', configJson({ runpodApiKeySecretName: RUNPOD_KEY })],
    ['a target', withTarget({ runpodApiKeySecretName: RUNPOD_KEY })],
    ['a name', withTarget({ name: RUNPOD_KEY })],
    ['an id', withTarget({ registryAuthId: RUNPOD_KEY })],
    [
      'an address',
      configJson({ runpod: { graphqlUrl: `https://api.runpod.io/graphql?api_key=${RUNPOD_KEY}` } }),
    ],
    ['the value of an unknown key', configJson({ runpodApiKey: RUNPOD_KEY })],
    [
      'a name, in the older form of capitals and digits',
      configJson({ runpodApiKeySecretName: RUNPOD_KEY.slice(4) }),
    ],
  ])('refuses an API key instead of %s and does not print it', (_, input) => {
    const message = messageOf(input);

    expect(message).toContain('expected no API key in this file: keep it in Secrets Manager');
    expect(message).not.toContain(RUNPOD_KEY.slice(4, 20));
  });

  it.each<[string, Json]>([
    ['an unknown key', withTarget({ password: 'hunter2' })],
    ['an address with a user', configJson({ runpod: { restV2Url: 'https://me:hunter2@api.runpod.io' } })],
    ['a webhook', configJson({ alarms: { httpsEndpoints: ['http://events.example.com/hunter2'] } })],
    ['a key of AWS', withTarget({ name: 'AKIAIOSFODNN7EXAMPLE hunter2' })],
    ['an API key as the key of an object', configJson({ [`${RUNPOD_KEY}hunter2`]: 1 })],
  ])('does not print a value that may be a secret: %s', (_, input) => {
    expect(messageOf(input)).not.toContain('hunter2');
  });

  it('lists only the first twenty of many mistakes', () => {
    const message = messageOf({ targets: manyTargets(1000, () => ({ verify: 'always' })) });

    const lines = message.split('\n');
    expect(lines[0]).toBe('test.json has 1000 mistakes:');
    expect(lines[20]).toBe(
      '  targets[19].verify: expected one of "required", "best-effort", "off"; found "always"',
    );
    expect(lines.slice(21)).toEqual(['  and 980 more', 'Every key is described in refresher.schema.json.']);
  });

  it.each([
    [
      'a trailing comma',
      '{\n  "targets": [],\n}',
      'line 2, column 16: JSON does not support trailing commas',
    ],
    ['a comment', '{ // hello\n}', 'line 1, column 3: JSON does not support comments'],
    ['a word without quotes', '{"é": hunter2}', 'line 1, column 7: Unexpected text'],
    ['no colon', '{"targets" hunter2}', 'line 1, column 12: Expected ":"'],
    ['an empty file', '', 'line 1, column 1: Unexpected end of file'],
    ['an unfinished file', '{\n"targets": [', 'line 2, column 13: Unexpected end of file'],
    ['a trailing comma in a list', '[1,\n2 ,\n]', 'line 2, column 3: JSON does not support trailing commas'],
    ['no comma', '{"a": 1\n"b": 2}', 'line 2, column 1: Expected ","'],
    ['a key in single quotes', "{'a': 1}", 'line 1, column 2: Unexpected text'],
    ['a number as a key', '{1: 1}', 'line 1, column 2: Expected a key in double quotes'],
    ['no value', '{"a": }', 'line 1, column 7: Expected a value'],
    ['a second value', '{} {}', 'line 1, column 4: Expected the end of the file'],
    ['an open text', '{"a": "hunter2\n}', 'line 1, column 7: This text has no closing quote on its line'],
    [
      'a tab in a text',
      '{"a": "hunter2\t"}',
      'line 1, column 7: This text has a control character, such as a tab',
    ],
    ['a wrong escape', '{"a": "\\x41"}', 'line 1, column 7: This text has an invalid escape'],
    [
      'a wrong escape of Unicode',
      '{"a": "\\u00g0"}',
      'line 1, column 7: This text has an invalid \\u escape',
    ],
    [
      'brackets after an open text',
      `{"a": "\n${'['.repeat(100_000)}"}`,
      'line 1, column 7: This text has no closing quote on its line',
    ],
    ['a number that is no JSON', '{"a": 01}', 'line 1, column 8: Expected ","'],
    [
      'a key given twice',
      '{"stackName": "a",\n "stackName": "b"}',
      'line 2, column 2: duplicate key in this object',
    ],
    [
      'a key given twice in a nested object',
      '{"a": {"x": 1},\n "x": [{"x": 1,\n "x": 2}]}',
      'line 3, column 2: duplicate key in this object',
    ],
  ])('names the line and column of invalid JSON: %s', (_, text, problem) => {
    expect(messageOf(text)).toBe(`test.json is not valid JSON: ${problem}.`);
  });

  it.each<[string, (nested: string) => string, number]>([
    ['the whole file', (nested) => nested, 5_000],
    ['an unknown key', (nested) => `{"x": ${nested}}`, 5_000],
    ['a known key', (nested) => `{"targets": ${nested}}`, 5_000],
    ['the whole file', (nested) => nested, 1_000_000],
  ])('refuses deeply nested values instead of %s with one message', (_, place, depth) => {
    const lists = place(`${'['.repeat(depth)}${']'.repeat(depth)}`);
    const objects = place(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`);

    for (const text of [lists, objects]) {
      expect(messageOf(text)).toMatch(
        /^test\.json is nested too deeply: line 1, column \d+: expected at most 32 levels of objects and lists\.$/,
      );
    }
  });

  it('names the line of a value that is nested too deeply, and ignores brackets inside texts', () => {
    const text = `{"stackName": "\\"[[[[\\\\",\n "x": ${'['.repeat(40)}`;

    expect(messageOf(text)).toContain('line 2, column 38: expected at most 32');
    expect(messageOf(`{"x": "${'['.repeat(100)}"}`)).toContain('x: expected one of the keys');
  });
});

function withTarget(overrides: Json): Json {
  return configJson({ targets: [targetJson(overrides)] });
}

function withRegistry(overrides: Json): Json {
  return withTarget({ registry: { type: 'ecr', repositories: ['worker'], ...overrides } });
}

function messageOf(input: Json | string): string {
  try {
    parseConfig(typeof input === 'string' ? input : JSON.stringify(input), 'test.json');
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('the configuration was accepted');
}
