import { OperatorMustActError, TransientError, UnexpectedError } from '../../../lambda/core/errors';
import { embeddedMetricLine, type RunMetrics } from '../../../lambda/core/metrics';
import { logRun, metricsOf, type RunSummary } from '../../../lambda/refresh-credentials/telemetry';
import { aSuccess } from '../../support/builders';
import { captureTelemetry } from '../../support/captured-telemetry';
import { NOON } from '../../support/fake-clock';

const MINUTE_MS = 60_000;
const outage = { target: 'test', error: new TransientError('it is down'), durationMs: 9 };
const keyless = {
  target: 'dev',
  error: new OperatorMustActError('secret-unusable', 'the secret is empty'),
  durationMs: 8,
};

function aSummary(differences: Partial<RunSummary> = {}): RunSummary {
  return {
    successes: [aSuccess()],
    failures: [],
    resumed: 0,
    fullRun: true,
    dryRun: false,
    deployment: false,
    durationMs: 1_234,
    ...differences,
  };
}

function measured(differences: Partial<RunSummary>): RunMetrics {
  return metricsOf(aSummary(differences), NOON);
}

function logged(differences: Partial<RunSummary>): Record<string, unknown>[] {
  const { logger, logLines } = captureTelemetry();
  logRun(logger, aSummary(differences));
  return logLines();
}

function expiringIn(minutes: number): { expiresAt: string } {
  return { expiresAt: new Date(NOON + minutes * MINUTE_MS).toISOString() };
}

describe('metricsOf', () => {
  it.each<[string, Partial<RunSummary>, object]>([
    [
      'a full run that refreshed everything',
      {},
      {
        RunSucceeded: 1,
        TargetsRefreshed: 1,
        TargetsFailed: 0,
        OperatorActionNeeded: 0,
        FallbackRoute: 0,
        CredentialMinutesLeft: 720,
      },
    ],
    [
      'a full run in which some targets failed',
      { failures: [outage, keyless] },
      { RunSucceeded: 0, TargetsRefreshed: 1, TargetsFailed: 2, OperatorActionNeeded: 1 },
    ],
    [
      'a full run in which everything failed',
      { successes: [], failures: [outage] },
      { RunSucceeded: 0, TargetsRefreshed: 0, TargetsFailed: 1 },
    ],
    [
      'targets over a fallback route',
      { successes: [aSuccess(), aSuccess({ fallback: true }), aSuccess({ fallback: true })] },
      { TargetsRefreshed: 3, FallbackRoute: 2 },
    ],
    [
      'the shortest remaining life in whole minutes',
      { successes: [aSuccess(expiringIn(700)), aSuccess(expiringIn(59.9)), aSuccess(expiringIn(90))] },
      { CredentialMinutesLeft: 59 },
    ],
    [
      'targets that need an operator in a partial run',
      { fullRun: false, failures: [keyless, keyless, outage] },
      { OperatorActionNeeded: 2 },
    ],
    ['the age of the key', { apiKeyAgeDays: 91 }, { ApiKeyAgeDays: 91 }],
  ])('reports %s', (_, differences, expected) => {
    expect(measured(differences)).toMatchObject(expected);
  });

  it.each<[string, Partial<RunSummary>, string]>([
    ['the success of a partial run', { fullRun: false }, 'RunSucceeded'],
    [
      'the remaining life when nothing was written',
      { successes: [], failures: [outage] },
      'CredentialMinutesLeft',
    ],
    ['the remaining life when nothing expires', { successes: [withoutExpiry()] }, 'CredentialMinutesLeft'],
    ['the age of the key when it is unknown', {}, 'ApiKeyAgeDays'],
    [
      'needed operators after an outage, because it hides them',
      { failures: [outage] },
      'OperatorActionNeeded',
    ],
    ['needed operators in a partial run without any', { fullRun: false }, 'OperatorActionNeeded'],
  ])('leaves out %s', (_, differences, name) => {
    const metrics = measured(differences);

    expect(metrics).toHaveProperty('TargetsFailed');
    expect(metrics).not.toHaveProperty(name);
  });
});

describe('embeddedMetricLine', () => {
  it('returns one line with the document of CloudWatch and the dimension of the alarms', () => {
    const metrics = { RunSucceeded: 1, CredentialMinutesLeft: 719 };

    const line = embeddedMetricLine('EcrCredentialRefresher', metrics, NOON);

    expect(line).not.toContain('\n');
    expect(JSON.parse(line)).toEqual({
      _aws: {
        Timestamp: NOON,
        CloudWatchMetrics: [
          {
            Namespace: 'RunpodEcrRefresher',
            Dimensions: [['service']],
            Metrics: [
              { Name: 'RunSucceeded', Unit: 'Count' },
              { Name: 'CredentialMinutesLeft', Unit: 'None' },
            ],
          },
        ],
      },
      service: 'EcrCredentialRefresher',
      RunSucceeded: 1,
      CredentialMinutesLeft: 719,
    });
  });
});

function withoutExpiry() {
  const { expiresAt: _, ...success } = aSuccess();
  return success;
}

describe('logRun', () => {
  it('writes one line for each target and one for the run', () => {
    const lines = logged({ failures: [outage, keyless], resumed: 3 });

    expect(lines).toMatchObject([
      { level: 'INFO', message: 'target refreshed', target: 'prod', route: 'rest-v2', verified: true },
      { level: 'ERROR', message: 'target failed', target: 'test', kind: 'transient', why: 'it is down' },
      {
        level: 'ERROR',
        message: 'target failed',
        target: 'dev',
        kind: 'operator-must-act',
        reason: 'secret-unusable',
        why: 'the secret is empty',
      },
      { level: 'INFO', message: 'run finished', refreshed: 1, failed: 2, resumed: 3, durationMs: 1_234 },
    ]);
  });

  it('warns about a target that could not be verified', () => {
    const [line] = logged({
      successes: [aSuccess({ verified: false, unverifiedBecause: 'it answered 503' })],
    });

    expect(line).toMatchObject({ level: 'WARN', unverifiedBecause: 'it answered 503' });
  });

  it('logs a stack trace only for a defect', () => {
    const defect = { target: 'prod', error: new UnexpectedError('unexpected TypeError'), durationMs: 1 };

    const [, first, second] = logged({ failures: [defect, outage] });

    expect(first?.stack).toContain('telemetry.test.ts');
    expect(second).not.toHaveProperty('stack');
  });

  it('logs that a dry run would have refreshed the target', () => {
    const [line, last] = logged({ dryRun: true });

    expect(line).toMatchObject({ message: 'target would be refreshed' });
    expect(last).toMatchObject({ dryRun: true });
  });
});
