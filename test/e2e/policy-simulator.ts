import { createRequire } from 'node:module';

/** A role's policy. */
export interface NamedPolicy {
  readonly name: string;
  readonly policy: unknown;
}

/** One question: may this principal do this to that resource? */
export interface PolicyQuestion {
  readonly principal: string;
  readonly account: string;
  readonly action: string;
  readonly resource: string;
  readonly policies: readonly NamedPolicy[];
}

/** The part of `@cloud-copilot/iam-simulate` that is used. The type checker runs without that package. */
interface Simulator {
  runSimulation(simulation: object, options: object): Promise<SimulationResult>;
}

type SimulationResult =
  | { readonly resultType: 'error'; readonly errors: { readonly message: string } }
  | { readonly resultType: 'single' | 'wildcard'; readonly overallResult: string };

/** Answers as IAM does: `Allowed`, `ExplicitlyDenied`, `ImplicitlyDenied`, or the text of an error. */
export async function simulatePolicies(question: PolicyQuestion): Promise<string> {
  const { principal, account, action, resource, policies } = question;
  const simulator: Simulator = createRequire(__filename)('@cloud-copilot/iam-simulate');
  const simulation = await simulator.runSimulation(
    {
      request: { principal, action, resource: { resource, accountId: account }, contextVariables: {} },
      identityPolicies: policies,
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    },
    {},
  );
  return simulation.resultType === 'error' ? simulation.errors.message : simulation.overallResult;
}
