import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { type FaultGroup, REFRESHED, runpod, UPDATE } from '../fault-row';

/** An answer, written by hand; with its length unless it says another. */
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

function writeForEver(socket: Socket): void {
  socket.write(`${OK}\r\n${JSON_TYPE}\r\ntransfer-encoding: chunked\r\n\r\n`);
  const chunk = `10000\r\n${' '.repeat(65_536)}\r\n`;
  const more = () => {
    while (!socket.destroyed && socket.write(chunk));
    if (!socket.destroyed) socket.once('drain', more);
  };
  more();
}

function dripForEver(socket: Socket): void {
  socket.write(`${OK}\r\n${JSON_TYPE}\r\ntransfer-encoding: chunked\r\n\r\n`);
  const timer = setInterval(() => socket.write('1\r\n \r\n'), 100);
  socket.once('close', () => clearInterval(timer));
}

/** What connections do. Time-outs are short where the fault takes all the time there is. */
export const TRANSPORT: FaultGroup = {
  about: 'what the connection does',
  rows: [
    {
      what: 'rest-v2 resets once',
      expected: REFRESHED['rest-v2'],
      arrange: runpod(UPDATE['rest-v2'], { reset: true }, 1),
      short: true,
    },
    {
      what: 'rest-v2 resets always',
      expected: REFRESHED.graphql,
      arrange: runpod(UPDATE['rest-v2'], { reset: true }),
    },
    {
      what: 'rest-v2 breaks off once',
      expected: REFRESHED['rest-v2'],
      arrange: runpod(UPDATE['rest-v2'], { truncate: true }, 1),
    },
    {
      what: 'rest-v2 breaks off always',
      expected: REFRESHED.graphql,
      arrange: runpod(UPDATE['rest-v2'], { truncate: true }),
    },
    {
      what: 'everything resets always',
      expected: 'failed as transient, old one kept',
      arrange: runpod({}, { reset: true }),
    },
    {
      what: 'rest-v2 hangs once',
      expected: REFRESHED['rest-v2'],
      arrange: runpod(UPDATE['rest-v2'], { hang: true }, 1),
    },
    {
      what: 'rest-v2 hangs always, and there is time',
      expected: REFRESHED.graphql,
      arrange: runpod(UPDATE['rest-v2'], { hang: true }),
      timeoutMs: 90_000,
    },
    {
      what: 'everything hangs, and there is no time',
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
      what: 'rest-v2 drips for ever, and there is no time',
      expected: 'failed as transient, nothing sent',
      restV2: dripForEver,
      timeoutMs: 7_000,
    },
    { what: 'rest-v2 writes for ever', expected: REFRESHED.graphql, restV2: writeForEver },
    {
      what: 'rest-v2 answers 2 MB',
      expected: REFRESHED.graphql,
      arrange: runpod(UPDATE['rest-v2'], { status: 200, body: 'x'.repeat(2_000_000) }),
    },
    {
      what: 'rest-v2 answers gzip that nobody asked for',
      expected: REFRESHED.graphql,
      restV2: raw([OK, JSON_TYPE, 'content-encoding: gzip'], gzipped),
    },
    {
      what: 'rest-v2 answers no HTTP',
      expected: REFRESHED.graphql,
      restV2: (socket) => socket.end('220 smtp.example ESMTP\r\n'),
    },
    {
      what: 'rest-v2 answers nothing and closes',
      expected: REFRESHED.graphql,
      restV2: (socket) => socket.end(),
      short: true,
    },
    {
      what: 'rest-v2 answers a header without an end',
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
      what: 'nobody listens where rest-v2 is said to be',
      expected: REFRESHED.graphql,
      runpod: { restV2Url: 'http://127.0.0.1:1/v2' },
    },
    {
      what: 'rest-v2 speaks no TLS',
      expected: REFRESHED.graphql,
      runpod: { restV2Url: 'https://127.0.0.1:1/v2' },
    },
    {
      what: 'an address that would carry the key in the clear',
      expected: 'failed as configuration-wrong, nothing sent',
      runpod: { api: 'rest-v2', restV2Url: 'http://runpod.example/v2' },
    },
    {
      what: 'Runpod restarts between two runs: the kept connection is dead',
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
