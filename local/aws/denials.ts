import { AwsError } from './aws-error';
import type { Caller } from './caller';

/** Whom and what a denial meets; every field given must fit. */
export interface DenialMatch {
  /** The secret or the role that is asked for, as the request names it. */
  readonly resource?: string;
  /** The ARN of an assumed role, or the access key of the one who asks. */
  readonly principal?: string;
}

/** A denial that was put in place. */
export interface PlacedDenial {
  remove(): void;
}

interface Denial extends DenialMatch {
  readonly action: string;
}

/** The actions that no policy allows. */
export class Denials {
  readonly #denials = new Set<Denial>();

  /** @param action - as a policy names it, such as `secretsmanager:GetSecretValue` */
  add(action: string, match: DenialMatch = {}): PlacedDenial {
    const denial = { action, ...match };
    this.#denials.add(denial);
    return { remove: () => this.#denials.delete(denial) };
  }

  /** @throws AwsError - in the words of the service, where the action is denied */
  check(action: string, resource: string, { arn, principal }: Caller): void {
    const isDenied = [...this.#denials].some(
      (denial) =>
        denial.action === action &&
        (denial.resource ?? resource) === resource &&
        (denial.principal ?? principal) === principal,
    );
    if (!isDenied) return;
    const message = `User: ${arn} is not authorized to perform: ${action} on resource: ${resource} because no identity-based policy allows the ${action} action`;
    throw action.startsWith('sts:')
      ? new AwsError('AccessDenied', message, 403)
      : new AwsError('AccessDeniedException', message);
  }
}
