import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';

/** An HTTP answer of Secrets Manager. */
export interface WireAnswer {
  readonly status: number;
  /** Text is the body as it is; any other value becomes JSON. */
  readonly body: unknown;
}

/** The answer to a read of a secret that has this value. */
export function theSecret(
  value: string | Uint8Array,
  createdAt = new Date('2026-11-01T00:00:00Z'),
): WireAnswer {
  return {
    status: 200,
    body: {
      Name: 'runpod/api-key',
      CreatedDate: createdAt.getTime() / 1_000,
      ...(typeof value === 'string'
        ? { SecretString: value }
        : { SecretBinary: Buffer.from(value).toString('base64') }),
    },
  };
}

/** The answer with which AWS refuses a call, in the AWS JSON protocol. */
export function anAwsRefusal(name: string, status: number, message: string): WireAnswer {
  return { status, body: { __type: name, message } };
}

/** The real client without sockets. Each read gets the next answer; further reads get the last one. */
export function aSecretsManager(...answers: readonly WireAnswer[]): {
  readonly client: SecretsManagerClient;
  reads(): number;
} {
  let reads = 0;
  const client = new SecretsManagerClient({
    region: 'us-east-1',
    credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'example' },
    maxAttempts: 1,
    requestHandler: {
      handle: async () => {
        const { status, body } = answers[Math.min(reads, answers.length - 1)] ?? { status: 500, body: '' };
        reads += 1;
        const text = typeof body === 'string' ? body : JSON.stringify(body);
        return {
          response: {
            statusCode: status,
            headers: { 'content-type': 'application/x-amz-json-1.1' },
            body: new TextEncoder().encode(text),
          },
        };
      },
    },
  });
  return { client, reads: () => reads };
}
