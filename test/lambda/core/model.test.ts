import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { format, inspect } from 'node:util';
import { Secret } from '../../../lambda/core/model';
import { captureTelemetry } from '../../support/captured-telemetry';
import { findLeaks } from '../../support/find-leaks';

const VALUE = 'rpa_Vq7Zt2LmXwK9QpB3sTyU';

class ErrorWithSecret extends Error {
  readonly apiKey = new Secret(VALUE);
}

/** What console.log would put on the terminal. */
function consoleLog(...values: unknown[]): string {
  let written = '';
  const stdout = new Writable({
    write(chunk, _encoding, done) {
      written += String(chunk);
      done();
    },
  });
  new Console({ stdout, stderr: stdout }).log(...values);
  return written;
}

function logged(field: unknown): string {
  const { logger, output } = captureTelemetry();
  logger.error('a line', { field });
  logger.error('a line', field instanceof Error ? field : new Error('plain'));
  return output();
}

describe('Secret', () => {
  it('reveals its value to whom asks for it', () => {
    expect(new Secret(VALUE).reveal()).toBe(VALUE);
  });

  it.each<[string, (secret: Secret) => string]>([
    ['String', (secret) => String(secret)],
    ['a template', (secret) => `${secret}`],
    ['join', (secret) => ['key', secret].join(' ')],
    ['JSON', (secret) => JSON.stringify({ secret, list: [secret] })],
    ['inspect', (secret) => inspect({ secret })],
    ['inspect of all that is hidden', (secret) => inspect(secret, { showHidden: true, depth: 9 })],
    ['format', (secret) => format('%s %o %j', secret, secret, secret)],
    ['console.log', (secret) => consoleLog('key', secret, { secret })],
    ['an error that holds it', () => inspect(new ErrorWithSecret('refused'))],
    ['an error as JSON', () => JSON.stringify(new ErrorWithSecret('refused'))],
    ['an error on the console', () => consoleLog(new ErrorWithSecret('refused'))],
    ['a log line', (secret) => logged({ secret })],
    ['a logged error', () => logged(new ErrorWithSecret('refused'))],
  ])('prints as [secret] by %s', (_, print) => {
    const printed = print(new Secret(VALUE));

    expect(printed).toContain('[secret]');
    expect(findLeaks(printed, { VALUE })).toEqual([]);
  });

  it.each<[string, (secret: Secret) => unknown]>([
    ['structuredClone', (secret) => structuredClone(secret)],
    ['a spread', (secret) => ({ ...secret })],
    ['Object.entries', (secret) => Object.entries(secret)],
    ['inspect without the custom printer', (secret) => inspect(secret, { customInspect: false })],
    ['every property that it has', (secret) => Reflect.ownKeys(secret)],
  ])('holds nothing that %s could take', (_, take) => {
    const taken = take(new Secret(VALUE));

    expect(findLeaks(JSON.stringify(taken), { VALUE })).toEqual([]);
  });
});
