import { format, inspect } from 'node:util';
import { Secret } from '../../../lambda/core/model';
import { captureConsole, captureTelemetry } from '../../support/captured-telemetry';
import { findLeaks } from '../../support/find-leaks';

const VALUE = 'rpa_Vq7Zt2LmXwK9QpB3sTyU';

class ErrorWithSecret extends Error {
  readonly apiKey = new Secret(VALUE);
}

/** Returns what console.log prints. */
function consoleLog(...values: unknown[]): string {
  const { console, output } = captureConsole();
  console.log(...values);
  return output();
}

function logged(field: unknown): string {
  const { logger, output } = captureTelemetry();
  logger.error('a line', { field });
  logger.error('a line', field instanceof Error ? field : new Error('plain'));
  return output();
}

describe('Secret', () => {
  it('reveals its value on request', () => {
    expect(new Secret(VALUE).reveal()).toBe(VALUE);
  });

  it.each<[string, (secret: Secret) => string]>([
    ['String', (secret) => String(secret)],
    ['a template', (secret) => `${secret}`],
    ['join', (secret) => ['key', secret].join(' ')],
    ['JSON', (secret) => JSON.stringify({ secret, list: [secret] })],
    ['inspect', (secret) => inspect({ secret })],
    ['inspect with hidden properties', (secret) => inspect(secret, { showHidden: true, depth: 9 })],
    ['format', (secret) => format('%s %o %j', secret, secret, secret)],
    ['console.log', (secret) => consoleLog('key', secret, { secret })],
    ['an error that holds it', () => inspect(new ErrorWithSecret('refused'))],
    ['an error as JSON', () => JSON.stringify(new ErrorWithSecret('refused'))],
    ['an error on the console', () => consoleLog(new ErrorWithSecret('refused'))],
    ['a log line', (secret) => logged({ secret })],
    ['a logged error', () => logged(new ErrorWithSecret('refused'))],
  ])('prints as [secret] in %s', (_, print) => {
    const printed = print(new Secret(VALUE));

    expect(printed).toContain('[secret]');
    expect(findLeaks(printed, { VALUE })).toEqual([]);
  });

  it.each<[string, (secret: Secret) => unknown]>([
    ['structuredClone', (secret) => structuredClone(secret)],
    ['a spread', (secret) => ({ ...secret })],
    ['Object.entries', (secret) => Object.entries(secret)],
    ['inspect without the custom printer', (secret) => inspect(secret, { customInspect: false })],
    ['every own property', (secret) => Reflect.ownKeys(secret)],
  ])('does not reveal its value through %s', (_, take) => {
    const taken = take(new Secret(VALUE));

    expect(findLeaks(JSON.stringify(taken), { VALUE })).toEqual([]);
  });
});
