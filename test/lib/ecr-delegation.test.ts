import { App, CfnParameter, Lazy, Stack, Token } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { type IRepository, Repository } from 'aws-cdk-lib/aws-ecr';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { RunpodEcrDelegation, type RunpodEcrDelegationProps } from '../../lib/ecr-delegation';
import { config, type Json } from './config/builder';
import { permissionsOf } from './permissions';
import { stackOf } from './synthesise';

const ENV = { account: '123456789012', region: 'eu-west-1' };
const REPOSITORIES = 'arn:aws:ecr:eu-west-1:123456789012:repository';
const SECRETS = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret';
const RESOURCE = 'Custom::RunpodEcrDelegation';

describe('RunpodEcrDelegation', () => {
  const delegations = [
    { repository: 'my-app', name: 'mine' },
    { repository: 'my-app', region: 'us-west-2', runpodApiKeySecretName: 'runpod/team-b' },
  ];
  const plain = templateOf({});
  const template = templateOf({ delegations });

  it('adds exactly these permissions to the stack', () => {
    const added = permissionsOf(template).filter((line) => !permissionsOf(plain).includes(line));

    const policyActions = ['DeleteRepositoryPolicy', 'GetRepositoryPolicy', 'SetRepositoryPolicy'];
    expect(added).toEqual(
      [
        ...policyActions.map((action) => `Allow ecr:${action} on ${REPOSITORIES}/my-app`),
        ...policyActions.map(
          (action) => `Allow ecr:${action} on arn:aws:ecr:us-west-2:123456789012:repository/my-app`,
        ),
        'Allow logs:CreateLogStream on <DelegationFunctionLogGroup720B27CB.Arn>',
        'Allow logs:PutLogEvents on <DelegationFunctionLogGroup720B27CB.Arn>',
        `Allow secretsmanager:GetSecretValue on ${SECRETS}:runpod/team-b-??????`,
      ].sort(),
    );
    expect(permissionsOf(template).filter((line) => line.endsWith(':runpod/api-key-??????'))).toHaveLength(2);
  });

  it('creates a role that only Lambda may assume, and does not change the refresher’s role', () => {
    const rolesOf = (one: Template) => Object.keys(one.findResources('AWS::IAM::Role'));
    const added = rolesOf(template).filter((role) => !rolesOf(plain).includes(role));

    expect(added).toHaveLength(1);
    template.allResourcesProperties('AWS::IAM::Role', {
      AssumeRolePolicyDocument: {
        Statement: [{ Action: 'sts:AssumeRole', Principal: { Service: 'lambda.amazonaws.com' } }],
      },
    });
    for (const [id, policy] of Object.entries(template.findResources('AWS::IAM::Policy'))) {
      expect(Object.keys(plain.findResources('AWS::IAM::Policy')).includes(id)).toBe(
        policy.Properties.Roles[0].Ref !== added[0],
      );
    }
  });

  it('passes the repository, the principals, the API key’s secret and the API to the function', () => {
    template.hasResourceProperties(RESOURCE, {
      ServiceToken: { 'Fn::GetAtt': [Match.stringLikeRegexp('^DelegationFunction'), 'Arn'] },
      ServiceTimeout: '900',
      repositoryArn: `${REPOSITORIES}/my-app`,
      principalArns: [
        'arn:aws:iam::550005742258:role/prod-us-east-1-deployment-role',
        'arn:aws:iam::550005742258:role/prod-us-west-2-deployment-role',
      ],
      runpodApiKeySecretName: 'runpod/api-key',
      restV2Url: 'https://api.runpod.io/v2',
      name: 'mine',
    });
    template.resourceCountIs(RESOURCE, 2);
  });

  it('uses one function for all delegations, on Node 24 and arm64, with JSON logs', () => {
    const functions = Object.entries(template.findResources('AWS::Lambda::Function'));

    expect(functions.filter(([id]) => id.startsWith('DelegationFunction'))).toEqual([
      [
        expect.any(String),
        expect.objectContaining({
          Properties: expect.objectContaining({
            Runtime: 'nodejs24.x',
            Architectures: ['arm64'],
            Handler: 'index.handler',
            Timeout: 180,
            LoggingConfig: {
              LogFormat: 'JSON',
              LogGroup: { Ref: 'DelegationFunctionLogGroup720B27CB' },
              ApplicationLogLevel: 'INFO',
              SystemLogLevel: 'INFO',
            },
          }),
        }),
      ],
    ]);
  });

  it('keeps the permissions of a delegation until the delegation is undone', () => {
    for (const { DependsOn, Properties } of Object.values(template.findResources(RESOURCE))) {
      const policies = template.findResources('AWS::IAM::Policy');
      const covering = Object.keys(policies).filter((id) =>
        JSON.stringify(policies[id]).includes(`"${Properties.repositoryArn}"`),
      );

      expect(DependsOn).toEqual(expect.arrayContaining(covering.filter((id) => id.startsWith('Delegation'))));
      expect(covering.filter((id) => id.startsWith('Delegation'))).toHaveLength(1);
    }
  });

  it('creates new resources for another repository, and a new policy for another API key', () => {
    const ids = (repository: string, key: string) => {
      const stack = new Stack(new App({ builtinCloudFormationValidation: false }), 'Stack', { env: ENV });
      new RunpodEcrDelegation(stack, 'Delegation', imported(stack, repository, key));
      const { Resources } = Template.fromStack(stack).toJSON();
      const of = (type: string) => Object.keys(Resources).filter((id) => Resources[id].Type === type);
      return { resource: of(RESOURCE), policies: of('AWS::IAM::Policy') };
    };
    const before = ids('app-a', 'key');

    const otherRepository = ids('app-b', 'key');
    const otherKey = ids('app-a', 'other');

    expect(otherRepository.resource).not.toEqual(before.resource);
    expect(otherRepository.policies).not.toEqual(before.policies);
    expect(otherKey.resource).toEqual(before.resource);
    expect(otherKey.policies).not.toEqual(before.policies);
  });

  it('keeps its resource when the configuration names the region of the stack', () => {
    const here = templateOf({ delegations: [{ repository: 'my-app' }] });
    const named = templateOf({ delegations: [{ repository: 'my-app', region: 'eu-west-1' }] });

    expect(Object.keys(named.findResources(RESOURCE))).toEqual(Object.keys(here.findResources(RESOURCE)));
  });

  it('fits the maximum number of delegations into one role, each with its own API key', () => {
    const many = Array.from({ length: 20 }, (_, index) => ({
      repository: `a-team-with-a-name/and-a-worker-with-another-${index}`,
      runpodApiKeySecretName: `runpod/team-${index}`,
    }));

    const policies = Object.values(templateOf({ delegations: many }).findResources('AWS::IAM::Policy'));

    const own = policies.filter(({ Properties }) => Properties.Roles[0].Ref.startsWith('Delegation'));
    expect(own).toHaveLength(41);
    const characters = own.map(({ Properties }) => JSON.stringify(Properties.PolicyDocument).length);
    expect(characters.reduce((sum, length) => sum + length, 0)).toBeLessThanOrEqual(10_240);
  });

  describe('with the name of a repository that the app creates', () => {
    const idsBeside = (unrelated: number, repositoryIn: (stack: Stack) => IRepository = created) => {
      const stack = new Stack(new App(), 'Stack', { env: ENV });
      // Each of them takes numbers from the sequence that also numbers the tokens.
      for (let index = 0; index < unrelated; index++) {
        Token.asString({ Ref: new Queue(stack, `Queue${index}`).queueName });
      }
      const runpodApiKey = Secret.fromSecretNameV2(stack, 'Key', 'runpod/api-key');
      new RunpodEcrDelegation(stack, 'Delegation', { repository: repositoryIn(stack), runpodApiKey });
      const { Resources } = Template.fromStack(stack).toJSON();
      return Object.keys(Resources).filter((id) => /^Delegation/.test(id));
    };

    it('keeps its logical ids when unrelated resources are added', () => {
      expect(idsBeside(3)).toEqual(idsBeside(0));
    });

    it('keeps its logical ids for a parameter, and has other ids for another name', () => {
      const parameter = (id: string) => (stack: Stack) =>
        Repository.fromRepositoryName(stack, 'Imported', new CfnParameter(stack, id).valueAsString);

      expect(idsBeside(2, parameter('A'))).toEqual(idsBeside(0, parameter('A')));
      expect(idsBeside(0, parameter('B'))).not.toEqual(idsBeside(0, parameter('A')));
      expect(idsBeside(0)).not.toEqual(idsBeside(0, parameter('A')));
    });

    it('passes the reference on to the function and to its permissions', () => {
      const stack = new Stack(new App(), 'Stack', { env: ENV });
      const { runpodApiKey } = imported(stack);
      new RunpodEcrDelegation(stack, 'Delegation', { repository: created(stack), runpodApiKey });

      const template = Template.fromStack(stack);

      const arn = {
        'Fn::Join': [
          '',
          [
            'arn:',
            { Ref: 'AWS::Partition' },
            ':ecr:eu-west-1:123456789012:repository/',
            { Ref: 'Repository22E53BBD' },
          ],
        ],
      };
      expect(Object.values(template.findResources(RESOURCE))[0]?.Properties.repositoryArn).toEqual(arn);
      expect(JSON.stringify(template.findResources('AWS::IAM::Policy'))).toContain(JSON.stringify(arn));
    });
  });

  it.each<[string, (secret: Secret, stack: Stack) => ISecret, string]>([
    ['ARN', (secret) => secret, '<SecretA720EF05>'],
    [
      'name',
      ({ secretName }, stack) => Secret.fromSecretNameV2(stack, 'Named', secretName),
      `${SECRETS.replace('arn:aws', 'arn:<AWS::Partition>')}:{}-??????`,
    ],
  ])('permits to read a secret that the app creates, given by its %s', (_, refer, resource) => {
    const permissionsBeside = (unrelated: number) => {
      const stack = new Stack(new App(), 'Stack', { env: ENV });
      for (let index = 0; index < unrelated; index++) new Queue(stack, `Queue${index}`).queueName;
      const runpodApiKey = refer(new Secret(stack, 'Secret'), stack);
      new RunpodEcrDelegation(stack, 'Delegation', { ...imported(stack), runpodApiKey });
      const template = Template.fromStack(stack);
      return {
        ids: Object.keys(template.findResources('AWS::IAM::Policy')),
        read: permissionsOf(template).filter((line) => line.includes('GetSecretValue')),
      };
    };

    expect(permissionsBeside(0).read).toEqual([expect.stringContaining(`on ${resource.split('{}')[0]}`)]);
    expect(permissionsBeside(0).read[0]?.endsWith('-??????')).toBe(resource.endsWith('-??????'));
    expect(permissionsBeside(2)).toEqual(permissionsBeside(0));
  });

  it('throws when no region is known, because the next deployment would replace the resource', () => {
    const stack = new Stack(new App(), 'Stack');

    const make = () => new RunpodEcrDelegation(stack, 'Delegation', imported(stack));

    expect(make).toThrow('The delegation of my-app needs a region');
  });

  it('throws when two delegations of a stack ask for different architectures', () => {
    const stack = new Stack(new App(), 'Stack', { env: ENV });
    const { runpodApiKey, repository } = imported(stack);
    const other = Repository.fromRepositoryName(stack, 'Other', 'app-b');
    new RunpodEcrDelegation(stack, 'A', { runpodApiKey, repository });

    const second = () =>
      new RunpodEcrDelegation(stack, 'B', {
        runpodApiKey,
        repository: other,
        architecture: Architecture.X86_64,
      });

    expect(second).toThrow(
      'All delegations of a stack share one function. Stack/B asks for x86_64, and an earlier one for arm64.',
    );
  });

  it('throws when two delegations of a stack name one repository', () => {
    const stack = new Stack(new App(), 'Stack', { env: ENV });
    const props = imported(stack);
    new RunpodEcrDelegation(stack, 'A', props);

    const second = () => new RunpodEcrDelegation(stack, 'B', props);

    expect(second).toThrow(
      'RunpodEcrDelegation Stack/B has 1 mistake:\n  repository: expected a repository that no other delegation names; found one of another delegation of this stack',
    );
  });

  describe('with properties that the configuration refuses', () => {
    const NAME =
      'expected the name of an ECR repository, such as team/worker, without registry host, tag or ARN';
    const make = ({ repository, key, ...props }: Given, region = 'eu-west-1') => {
      const stack = new Stack(new App(), 'Stack', { env: { ...ENV, region } });
      return new RunpodEcrDelegation(stack, 'Delegation', { ...imported(stack, repository, key), ...props });
    };

    it.each<[string, Given, string]>([
      ['a wildcard as repository', { repository: 'team/*' }, `repository: ${NAME}; found "team/*"`],
      [
        'an address as repository',
        { repository: '210987654321.dkr.ecr.us-east-1.amazonaws.com/my-app' },
        'Write "my-app" and set "region": "us-east-1". 210987654321 must be the account of the stack: a delegation covers no other.',
      ],
      [
        'an unknown region',
        { region: 'us-esat-1' },
        'found "us-esat-1". Write "us-east-1", or list a new region in "additionalRegions".',
      ],
      [
        'a wildcard as region',
        { region: '*' },
        'region: expected an AWS region, such as us-east-1; found "*"',
      ],
      [
        'a region of another partition',
        { region: 'cn-north-1' },
        'region: expected a region of the partition aws',
      ],
      ['an empty name', { name: '' }, 'name: expected a name: 1 to 191 characters; found ""'],
      [
        'a wildcard as secret',
        { key: 'runpod/*' },
        'runpodApiKey: expected the name of a Secrets Manager secret',
      ],
      [
        'a secret of another region',
        { key: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:key-a1B2c3' },
        'runpodApiKey: expected an ARN of eu-west-1, the region of the stack; found one of us-east-1',
      ],
      ['an API key', { key: `rpa_${'A1'.repeat(20)}` }, 'runpodApiKey: expected no API key'],
      ['a wildcard as principal', { principalArns: ['*'] }, "principalArns[0]: expected a role's ARN"],
      [
        'no principal',
        { principalArns: [] },
        'principalArns: expected at least one role ARN; found a list of 0',
      ],
      [
        'an address that is not a URL',
        { restV2Url: 'https://exa<mple.com' },
        'restV2Url: expected an https: address',
      ],
    ])('refuses %s', (_, props, line) => {
      expect(() => make(props)).toThrow(/^RunpodEcrDelegation Stack\/Delegation has 1 mistake:\n/);
      expect(() => make(props)).toThrow(line);
    });

    it('refuses a repository of another account, which it could not name', () => {
      const stack = new Stack(new App(), 'Stack', { env: ENV });
      const arn = 'arn:aws:ecr:eu-west-1:210987654321:repository/app';
      const repository = Repository.fromRepositoryArn(stack, 'Far', arn);
      const { runpodApiKey } = imported(stack);

      const create = () => new RunpodEcrDelegation(stack, 'Delegation', { repository, runpodApiKey });

      expect(create).toThrow(
        'repository: expected a repository of 123456789012, the account of the stack; found one of 210987654321',
      );
    });

    it('refuses a secret that the app creates in another region', () => {
      const app = new App();
      const stack = new Stack(app, 'Stack', { env: ENV });
      const far = new Stack(app, 'Far', {
        env: { ...ENV, region: 'us-east-1' },
        crossRegionReferences: true,
      });
      const runpodApiKey = new Secret(far, 'Secret', { secretName: 'key' });
      const { repository } = imported(stack);

      const create = () => new RunpodEcrDelegation(stack, 'Delegation', { repository, runpodApiKey });

      expect(create).toThrow(
        'runpodApiKey: expected a secret of eu-west-1, the region of the stack; found one of us-east-1',
      );
    });

    it('accepts a new region when additionalRegions lists it, or when it is that of the stack', () => {
      expect(() => make({ region: 'us-north-9', additionalRegions: ['us-north-9'] })).not.toThrow();
      expect(() => make({ region: 'us-north-9' }, 'us-north-9')).not.toThrow();
    });

    it('accepts what a lookup returns before the command line has looked it up', () => {
      const env = { account: '210987654321', region: 'eu-west-1' };
      const stack = new Stack(new App(), 'Stack', { env });
      const repository = Repository.fromLookup(stack, 'Looked', { repositoryName: 'app' });
      const { runpodApiKey } = imported(stack);

      const { repositoryArn } = new RunpodEcrDelegation(stack, 'Delegation', { repository, runpodApiKey });

      expect(stack.resolve(repositoryArn)['Fn::Join'][1]).toContain(
        ':ecr:eu-west-1:210987654321:repository/DUMMY_ARN',
      );
    });

    it('accepts tokens, whose values are not known yet', () => {
      const tokens = {
        key: Lazy.string({ produce: () => 'runpod/api-key' }),
        name: Lazy.string({ produce: () => 'x' }),
        restV2Url: Lazy.string({ produce: () => 'https://example.com' }),
        principalArns: [Lazy.string({ produce: () => 'arn' })],
      };

      expect(() => make(tokens)).not.toThrow();
      expect(() => make({ principalArns: Lazy.list({ produce: () => ['arn'] }) })).not.toThrow();
    });
  });

  it('exposes the repository’s ARN and the id at Runpod', () => {
    const stack = new Stack(new App({ builtinCloudFormationValidation: false }), 'Stack', { env: ENV });

    const delegation = new RunpodEcrDelegation(stack, 'Delegation', imported(stack));

    expect(stack.resolve(delegation.delegationId)).toEqual({
      'Fn::GetAtt': [expect.stringMatching(/^Delegation/), 'delegationId'],
    });
    expect(delegation.repositoryArn).toContain(':ecr:eu-west-1:123456789012:repository/my-app');
  });
});

function created(stack: Stack): IRepository {
  return new Repository(stack, 'Repository');
}

function templateOf(overrides: Json): Template {
  return Template.fromStack(stackOf(config(overrides), ENV));
}

/** Properties of a delegation. The repository and the key are given by their names, or the key by its ARN. */
interface Given extends Partial<Omit<RunpodEcrDelegationProps, 'repository' | 'runpodApiKey'>> {
  readonly repository?: string;
  readonly key?: string;
}

function imported(
  stack: Stack,
  name = 'my-app',
  key = 'runpod/api-key',
): Pick<RunpodEcrDelegationProps, 'repository' | 'runpodApiKey'> {
  return {
    repository: Repository.fromRepositoryName(stack, 'Imported', name),
    runpodApiKey: key.startsWith('arn:')
      ? Secret.fromSecretCompleteArn(stack, 'Key', key)
      : Secret.fromSecretNameV2(stack, 'Key', key),
  };
}
