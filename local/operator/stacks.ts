import type { CloudFormationTemplate } from '../../lib/synthesise';
import { AwsError, escapeXml, queryAnswer } from '../aws/protocol';

const NAMESPACE = 'http://cloudformation.amazonaws.com/doc/2010-05-15/';

const PAGE_SIZE = 20;

/** A deployed stack. */
export interface DeployedStack {
  readonly name: string;
  /** The template as it was uploaded. */
  readonly template: CloudFormationTemplate;
  readonly outputs: Readonly<Record<string, string>>;
  /** Names, ARNs or URLs of the resources, by logical id. */
  readonly physicalIds: ReadonlyMap<string, string>;
  readonly deployedAt: Date;
  status: string;
}

/** CloudFormation, as far as the command line uses it. Its answers are XML. */
export class StacksStandIn {
  /** Stacks by name. */
  readonly stacks = new Map<string, DeployedStack>();

  /** Answers `DescribeStacks` for one stack. */
  describe(name: string | null): string {
    const stack = this.#find(name);
    const outputs = Object.entries(stack.outputs).map(
      ([key, value]) =>
        `<member><OutputKey>${key}</OutputKey><OutputValue>${escapeXml(value)}</OutputValue></member>`,
    );
    return queryAnswer(
      NAMESPACE,
      'DescribeStacks',
      `<Stacks><member><StackName>${stack.name}</StackName><StackStatus>${stack.status}</StackStatus>
<CreationTime>${stack.deployedAt.toISOString()}</CreationTime><Outputs>${outputs.join('')}</Outputs></member></Stacks>`,
    );
  }

  /** Answers `GetTemplate`. */
  template(name: string | null): string {
    const text = JSON.stringify(this.#find(name).template, null, 1);
    return queryAnswer(NAMESPACE, 'GetTemplate', `<TemplateBody>${escapeXml(text)}</TemplateBody>`);
  }

  /** Answers `ListStackResources` with at most 20 resources a page. CloudFormation's pages have 100. */
  resources(name: string | null, nextToken: string | null): string {
    const all = [...this.#find(name).physicalIds];
    const from = Number(nextToken ?? 0);
    const members = all
      .slice(from, from + PAGE_SIZE)
      .map(
        ([id, physicalId]) =>
          `<member><LogicalResourceId>${id}</LogicalResourceId><PhysicalResourceId>${escapeXml(physicalId)}</PhysicalResourceId></member>`,
      );
    const next = from + PAGE_SIZE < all.length ? `<NextToken>${from + PAGE_SIZE}</NextToken>` : '';
    const list = `<StackResourceSummaries>${members.join('')}</StackResourceSummaries>`;
    return queryAnswer(NAMESPACE, 'ListStackResources', `${list}${next}`);
  }

  #find(name: string | null): DeployedStack {
    const stack = this.stacks.get(name ?? '');
    if (!stack) throw new AwsError('ValidationError', `Stack with id ${name} does not exist`);
    return stack;
  }
}
