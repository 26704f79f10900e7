import { lastSuccesses, parseLog } from '../../cli/deployment/history';
import { LOG_MESSAGES } from '../../lambda/core/contract';

/** A line of the log about a target that was refreshed. */
function line(fields: object): string {
  const known = {
    message: LOG_MESSAGES.targetRefreshed,
    timestamp: '2026-11-26T21:00:00.000Z',
    target: 'prod',
  };
  return JSON.stringify({ ...known, ...fields });
}

describe('parseLog', () => {
  it.each(['garbage', '', undefined, 7])('leaves out a line with the time %j', (timestamp) => {
    expect(parseLog(`${line({ timestamp })}\n${line({})}`)).toHaveLength(1);
  });
});

describe('lastSuccesses', () => {
  it.each(['never', '', 7, undefined])('knows no expiry where the log says %j', (expiresAt) => {
    const success = lastSuccesses(parseLog(line({ expiresAt }))).get('prod');

    expect(success).toMatchObject({ at: new Date('2026-11-26T21:00:00.000Z') });
    expect(success).not.toHaveProperty('expiresAt');
  });
});
