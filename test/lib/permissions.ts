import type { Template } from 'aws-cdk-lib/assertions';

interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Condition?: unknown;
}

/** Returns the permissions of all roles in a template as `Effect action on resource`, in alphabetical order. */
export function permissionsOf(template: Template): string[] {
  const documents = ['AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy'].flatMap((type) =>
    Object.values(template.findResources(type)).map(({ Properties }) => Properties.PolicyDocument),
  );
  const inRoles = Object.values(template.findResources('AWS::IAM::Role')).flatMap(({ Properties }) =>
    list<{ PolicyDocument: unknown }>(Properties.Policies ?? []).map(({ PolicyDocument }) => PolicyDocument),
  );
  return [...documents, ...inRoles]
    .flatMap(({ Statement }) => list<Statement>(Statement))
    .flatMap(lines)
    .sort();
}

function lines({ Effect, Action, Resource, Condition }: Statement): string[] {
  const condition = Condition ? ` if ${JSON.stringify(Condition)}` : '';
  return list(Action).flatMap((action) =>
    list(Resource).map((resource) => `${Effect} ${action} on ${textOf(resource)}${condition}`),
  );
}

/** Returns a value of a template as text, with each reference as `<Name>`. */
function textOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  if ('Ref' in value) return `<${value.Ref}>`;
  if ('Fn::GetAtt' in value) return `<${list(value['Fn::GetAtt']).join('.')}>`;
  if ('Fn::Join' in value) return list(list(value['Fn::Join'])[1]).flat().map(textOf).join('');
  return JSON.stringify(value);
}

function list<Item>(value: unknown): Item[] {
  return Array.isArray(value) ? value : [value as Item];
}
