import * as cdk from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** A finding of cdk-nag that is accepted, and why. */
export interface Acknowledgement {
  readonly id: string;
  readonly reason: string;
}

/** Acknowledges findings of cdk-nag, in versions of the CDK that have validation plugins (2.257 and later). */
export function acknowledge(construct: IConstruct, ...acknowledgements: readonly Acknowledgement[]): void {
  const { Validations }: { Validations?: typeof cdk.Validations } = cdk;
  Validations?.of(construct).acknowledge(...acknowledgements);
}
