import type { CloudFormationTemplate } from '../../lib/synthesise';
import { AwsError, escapeXml, queryAnswer } from '../aws/protocol';

const NAMESPACE = 'http://cloudformation.amazonaws.com/doc/2010-05-15/';

/** A deployed stack. */
export interface DeployedStack {
  readonly name: string;
  /** The template as it was uploaded. */
  readonly template: CloudFormationTemplate;
  readonly outputs: Readonly<Record<string, string>>;
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

  #find(name: string | null): DeployedStack {
    const stack = this.stacks.get(name ?? '');
    if (!stack) throw new AwsError('ValidationError', `Stack with id ${name} does not exist`);
    return stack;
  }
}
