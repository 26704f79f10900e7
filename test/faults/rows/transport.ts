import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { type FaultGroup, REFRESHED, runpod, UPDATE } from '../fault-row';

/** Returns a handler that sends this answer, with a content length unless the head has one. */
function raw(head: readonly string[], body: string | Buffer): (socket: Socket) => void {
  const hasLength = head.some((line) => /^(content-length|transfer-encoding)/i.test(line));
  const lines = [...head, ...(hasLength ? [] : [`content-length: ${body.length}`]), 'connection: close'];
  return (socket) => {
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    socket.end(body);
  };
}

const OK = 'HTTP/1.1 200 OK';
const JSON_TYPE = 'content-type: application/json';
const gzipped = gzipSync('{"id":"reg-prod","name":"prod"}');

function writeEndlessly(socket: Socket): void {
  socket.write(`${OK}\r\n${JSON_TYPE}\r\ntransfer-encoding: chunked\r\n\r\n`);
  const chunk = `10000\r\n${' '.repeat(65_536)}\r\n`;
  const more = () => {
    while (!socket.destroyed && socket.write(chunk));
    if (!socket.destroyed) socket.once('drain', more);
  };
  more();
}

function dripEndlessly(socket: Socket): void {
  socket.write(`${OK}\r\n${JSON_TYPE}\r\ntransfer-encoding: chunked\r\n\r\n`);
  const timer = setInterval(() => socket.write('1\r\n \r\n'), 100);
  socket.once('close', () => clearInterval(timer));
}

/** Faults of the connection. The timeout is short when the fault uses all of it. */
export const TRANSPORT: FaultGroup = {
  about: 'the connection',
  rows: [
    {
      what: 'rest-v2 resets the connection once',
      expected: REFRESHED['rest-v2'],
      arrange: runpod(UPDATE['rest-v2'], { reset: true }, 1),
      short: true,
    },
    {
      what: 'rest-v2 always resets the connection',
      expected: REFRESHED.graphql,
      arrange: runpod(UPDATE['rest-v2'], { reset: true }),
    },
    {
      what: 'rest-v2 truncates its answer once',
      expected: REFRESHED['rest-v2'],
      arrange: runpod(UPDATE['rest-v2'], { truncate: true }, 1),
    },
    {
      what: 'rest-v2 always truncates its answer',
      expected: REFRESHED.graphql,
      arrange: runpod(UPDATE['rest-v2'], { truncate: true }),
    },
    {
      what: 'Runpod resets every connection',
      expected: 'failed as transient, old one kept',
      arrange: runpod({}, { reset: true }),
    },
    {
      what: 'rest-v2 hangs once',
      expected: REFRESHED['rest-v2'],
      arrange: runpod(UPDATE['rest-v2'], { hang: true }, 1),
    },
    {
      what: 'rest-v2 always hangs, and there is enough time',
      expected: REFRESHED.graphql,
      arrange: runpod(UPDATE['rest-v2'], { hang: true }),
      timeoutMs: 90_000,
    },
    {
      what: 'Runpod hangs, and there is little time',
      expected: 'failed as transient, old one kept',
      arrange: runpod({}, { hang: true }),
      timeoutMs: 7_000,
      short: true,
    },
    {
      what: 'rest-v2 answers a byte at a time',
      expected: REFRESHED['rest-v2'],
      arrange: runpod(UPDATE['rest-v2'], { drip: { bytes: 1, everyMs: 20 } }),
    },
    {
      what: 'rest-v2 answers after three seconds',
      expected: REFRESHED['rest-v2'],
      arrange: runpod(UPDATE['rest-v2'], { delayMs: 3_000 }),
    },
    {
      what: 'rest-v2 sends a byte at a time without end, and there is little time',
      expected: 'failed as transient, nothing sent',
      restV2: dripEndlessly,
      timeoutMs: 7_000,
    },
    { what: 'rest-v2 answers without end', expected: REFRESHED.graphql, restV2: writeEndlessly },
    {
      what: 'rest-v2 answers 2 MB',
      expected: REFRESHED.graphql,
      arrange: runpod(UPDATE['rest-v2'], { status: 200, body: 'x'.repeat(2_000_000) }),
    },
    {
      what: 'rest-v2 answers gzip that was not asked for',
      expected: REFRESHED.graphql,
      restV2: raw([OK, JSON_TYPE, 'content-encoding: gzip'], gzipped),
    },
    {
      what: 'rest-v2 does not speak HTTP',
      expected: REFRESHED.graphql,
      restV2: (socket) => socket.end('220 smtp.example ESMTP\r\n'),
    },
    {
      what: 'rest-v2 closes without an answer',
      expected: REFRESHED.graphql,
      restV2: (socket) => socket.end(),
      short: true,
    },
    {
      what: 'rest-v2 answers a header of 100 KB',
      expected: REFRESHED.graphql,
      restV2: raw([OK, `x-long: ${'y'.repeat(100_000)}`], '{}'),
    },
    {
      what: 'rest-v2 answers two lengths',
      expected: REFRESHED.graphql,
      restV2: raw([OK, JSON_TYPE, 'content-length: 2', 'content-length: 3'], '{}'),
    },
    {
      what: 'rest-v2 answers half a chunk',
      expected: REFRESHED.graphql,
      restV2: raw([OK, JSON_TYPE, 'transfer-encoding: chunked'], '1f\r\n{"id":'),
    },
    {
      what: 'nothing listens at the address of rest-v2',
      expected: REFRESHED.graphql,
      runpod: { restV2Url: 'http://127.0.0.1:1/v2' },
    },
    {
      what: 'rest-v2 does not speak TLS',
      expected: REFRESHED.graphql,
      runpod: { restV2Url: 'https://127.0.0.1:1/v2' },
    },
    {
      what: 'an address that would send the key without TLS',
      expected: 'failed as configuration-wrong, nothing sent',
      runpod: { api: 'rest-v2', restV2Url: 'http://runpod.example/v2' },
    },
    {
      what: 'Runpod restarts between two runs: the kept connection is closed',
      expected: REFRESHED['rest-v2'],
      afterFirstRun: async ({ cloud }) => {
        const port = Number(new URL(cloud.runpod.url).port);
        await cloud.runpod.close();
        await cloud.runpod.listen(port);
      },
      short: true,
    },
  ],
};
