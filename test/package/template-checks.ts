import type { CloudFormationResource, CloudFormationTemplate } from '../../lib/synthesise';
import { MODULE_KINDS, type UserFolder } from './user-app';

/** Tests that the apps of a user compile and synthesise. The folder is installed before the first test. */
export function itServesApps(folder: () => UserFolder): void {
  it.each(MODULE_KINDS)('passes the strict type check of a %s app, and synthesises in it', (kind) => {
    folder().compile(kind);

    const assembly = folder().synthesise(kind);

    expectRefreshers(assembly.template('Everything'));
    expect(
      resourcesOf(assembly.template('EcrCredentialRefresher'), 'AWS::Events::Rule').length,
    ).toBeGreaterThan(0);
  });
}

/** Returns the resources of a type. */
export function resourcesOf(template: CloudFormationTemplate, type: string): CloudFormationResource[] {
  return Object.values(template.Resources).filter(({ Type }) => Type === type);
}

/** Expects what `apps/everything.ts` asks for. */
function expectRefreshers(template: CloudFormationTemplate): void {
  const rates = resourcesOf(template, 'AWS::Events::Rule').map(
    ({ Properties }) => Properties.ScheduleExpression,
  );
  const functions = resourcesOf(template, 'AWS::Lambda::Function').filter(
    ({ Properties: { Description } }) =>
      Description === 'Writes fresh registry credentials to the registry auths at Runpod',
  );
  const alarms = resourcesOf(template, 'AWS::CloudWatch::Alarm').map(
    ({ Properties }) => Properties.AlarmName,
  );
  expect(rates).toEqual(expect.arrayContaining(['rate(6 hours)', 'rate(3 hours)']));
  expect(functions.map(({ Properties: { Runtime, Architectures } }) => [Runtime, Architectures])).toEqual([
    ['nodejs24.x', ['arm64']],
    ['nodejs24.x', ['x86_64']],
  ]);
  // The names that CloudFormation makes up reach the function through its environment.
  expect(JSON.stringify(functions[0]?.Properties.Environment)).toMatch(/"Ref":"Key.*"Ref":"Repository/);
  expect(new Set(alarms).size).toBe(alarms.length);
  expect(resourcesOf(template, 'Custom::RunpodEcrDelegation')).toHaveLength(1);
}
