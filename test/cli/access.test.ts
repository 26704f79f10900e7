import type { Operator } from '../../cli/operator';
import { probeRoutes } from '../../cli/runpod/access';
import { createHttp, DEFAULT_RETRY_POLICY } from '../../lambda/core/http';
import { Secret } from '../../lambda/core/model';
import type { HttpAnswer } from '../../lambda/core/transport';
import { anAnswer, someSettings } from '../support/builders';
import { FakeClock, NOON } from '../support/fake-clock';
import { respondingTransport } from '../support/scripted-transport';

const HTML = anAnswer(200, '<html>maintenance</html>', { 'content-type': 'text/html' });

/** Probes REST v2, whose list works and whose update is answered so. */
async function stateAfter(update: HttpAnswer): Promise<string | undefined> {
  const { transport } = respondingTransport(({ method }) =>
    method === 'GET' ? anAnswer(200, { registries: [] }) : update,
  );
  const http = createHttp({ transport, clock: new FakeClock(), policy: DEFAULT_RETRY_POLICY });
  const operator = { http, deadlineMs: () => NOON + 60_000 } as Operator;
  const [route] = await probeRoutes(
    operator,
    { ...someSettings().runpod, api: 'rest-v2' },
    new Secret('key'),
  );
  return route?.state;
}

describe('probeRoutes', () => {
  it.each([
    ['404', anAnswer(404, {}), 'works'],
    ['422', anAnswer(422, {}), 'works'],
    ['401', anAnswer(401, {}), 'refused'],
    ['403', anAnswer(403, {}), 'forbidden'],
    ['403 from the edge', anAnswer(403, 'error code: 1010'), 'cannot'],
    ['405', anAnswer(405, {}), 'cannot'],
    ['410', anAnswer(410, {}), 'cannot'],
    ['a web page', HTML, 'cannot'],
    ['503', anAnswer(503, {}), 'down'],
  ])('takes the answer %s to an update of an unknown id for what it means', async (_, answer, state) => {
    expect(await stateAfter(answer)).toBe(state);
  });
});
