import { configJson, type Json, targetJson } from './builder';
import { mistakesIn } from './mistakes-in';

const PLACES: readonly (readonly [path: string, withUrl: (url: string) => Json])[] = [
  ['runpod.restV2Url', (restV2Url) => ({ runpod: { restV2Url } })],
  ['runpod.restV1Url', (restV1Url) => ({ runpod: { restV1Url } })],
  ['runpod.graphqlUrl', (graphqlUrl) => ({ runpod: { graphqlUrl } })],
  ['alarms.runbookUrl', (runbookUrl) => ({ alarms: { runbookUrl } })],
  ['alarms.httpsEndpoints[0]', (url) => ({ alarms: { httpsEndpoints: [url] } })],
  ...['docker-hub', 'ghcr', 'self-hosted'].map(
    (type) =>
      [
        'targets[0].registry.url',
        (url: string) => ({ targets: [targetJson({ registry: { type, credentialSecretName: 's', url } })] }),
      ] as const,
  ),
];

const URLS: readonly (readonly [what: string, url: string])[] = [
  ['a host with a character that no host has', 'https://exa<mple.com'],
  ['a port above 65535', 'https://example.com:99999'],
  ['port 0', 'https://example.com:0'],
  ['a port that is no number', 'https://example.com:https'],
  ['an IPv4 address that is none', 'https://1.2.3.400'],
  ['an IPv6 address that is none', 'https://[1::2::3]'],
  ['a backslash, which begins the path', 'https://example.com\\evil'],
  ['no host', 'https://:443'],
];

describe('a URL of the configuration', () => {
  it.each(
    PLACES.flatMap(([path, withUrl]) => URLS.map(([what, url]) => [path, what, withUrl(url)] as const)),
  )('at %s is refused with %s', (path, _, overrides) => {
    expect(mistakesIn(configJson(overrides))).toEqual([
      expect.stringMatching(new RegExp(`^${path.replace(/[[\].]/g, '\\$&')}: expected an https: address`)),
    ]);
  });

  it.each(['https://example.com:65535', 'https://[2001:db8::1]:8443', 'https://bücher.example'])(
    'may be %s',
    (url) => {
      const overrides = { runpod: { restV2Url: `${url}/v2` }, alarms: { httpsEndpoints: [`${url}/x?y=z`] } };

      expect(mistakesIn(configJson(overrides))).toEqual([]);
    },
  );

  it('may be the path that was the default of runbookUrl in version 0.1', () => {
    expect(mistakesIn(configJson({ alarms: { runbookUrl: 'docs/runbook.md' } }))).toEqual([]);
  });
});
