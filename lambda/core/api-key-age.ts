import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';

const DAY_MS = 24 * 60 * 60_000;

/** How old the current versions of the secrets are that this process has read. */
export class ApiKeyAges {
  readonly #createdAt = new Map<string, Date>();

  note(secretName: string, createdAt: Date): void {
    this.#createdAt.set(secretName, createdAt);
  }

  /** Age of the oldest in whole days; undefined before anything was read. */
  oldestDays(nowMs: number): number | undefined {
    const ages = [...this.#createdAt.values()].map((date) => Math.floor((nowMs - date.getTime()) / DAY_MS));
    return ages.length === 0 ? undefined : Math.max(...ages);
  }
}

/**
 * Notes the age of every secret that a client reads. Powertools hands over a secret's value only, while the
 * answer that it came in says when this version was created: no further call and no further permission.
 */
export function watchApiKeyAges(client: SecretsManagerClient): ApiKeyAges {
  const ages = new ApiKeyAges();
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const { CreatedDate: createdAt } = result.output as { CreatedDate?: unknown };
      const { SecretId: secretName } = args.input as { SecretId?: unknown };
      if (createdAt instanceof Date && typeof secretName === 'string') ages.note(secretName, createdAt);
      return result;
    },
    { step: 'initialize', name: 'noteSecretAge' },
  );
  return ages;
}
