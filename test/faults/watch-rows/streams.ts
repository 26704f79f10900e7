import { aLine, FAILED_PULL } from '../../integration/watch-world';
import { event, openStream, podLog, runpod, type WatchGroup, type WatchRow } from '../watch-row';

const LOGS = { path: /\/logs$/ };

/** Sends a part again and again until the other side hangs up. */
function repeat(response: Parameters<typeof openStream>[0], part: string, everyMs: number): void {
  const timer = setInterval(() => {
    if (response.destroyed) clearInterval(timer);
    else response.write(part);
  }, everyMs);
  response.once('close', () => clearInterval(timer));
}

/** One status instead of the log. */
function status(code: number, expected: string, fault: object = {}): WatchRow {
  return {
    what: `the log answers ${code}`,
    expected,
    arrange: (watch) => {
      watch.addPod();
      runpod(LOGS, { status: code, ...fault })(watch);
    },
  };
}

const PROBLEM = { headers: { 'content-type': 'application/problem+json' }, body: { title: 'x', status: 0 } };

/** Log streams that hang, drip, break, lie, and are huge. */
export const STREAMS: WatchGroup = {
  about: 'Log streams',
  rows: [
    {
      what: 'the log tells of a failed pull and stays open',
      expected: 'pull-failed',
      arrange: podLog((response) => openStream(response, event())),
    },
    {
      what: 'the log ends by itself',
      expected: 'pull-failed',
      arrange: podLog((response) => {
        openStream(response, event());
        response.end();
      }),
    },
    {
      what: 'the log never answers',
      slow: true,
      expected: 'nothing; not looked at: log',
      arrange: podLog(() => undefined),
    },
    {
      what: 'the log sends headers and then nothing',
      expected: 'nothing',
      arrange: podLog((response) => openStream(response)),
    },
    {
      what: 'the log only sends comments that keep it open',
      slow: true,
      expected: 'nothing; not looked at: log',
      arrange: podLog((response) => {
        openStream(response);
        repeat(response, ': ping\n\n', 300);
      }),
    },
    {
      what: 'the log comes in pieces of 20 bytes',
      expected: 'pull-failed',
      arrange: podLog(async (response) => {
        openStream(response);
        const text = event();
        for (let at = 0; at < text.length; at += 20) {
          response.write(text.slice(at, at + 20));
          await new Promise((resolve) => setTimeout(resolve, 40));
        }
      }),
    },
    {
      what: 'the log drips without ever ending a line',
      slow: true,
      expected: 'nothing; not looked at: log',
      arrange: podLog((response) => {
        openStream(response, 'data: {"line":"');
        repeat(response, 'x', 100);
      }),
    },
    {
      what: 'the log breaks off after a line',
      expected: 'pull-failed; not looked at: log (partly)',
      arrange: podLog((response) => {
        openStream(response, event(), 'data: {"line":"err');
        setTimeout(() => response.socket?.destroy(), 100);
      }),
    },
    {
      what: 'the log breaks off before its first line is complete',
      expected: 'nothing; not looked at: log',
      arrange: podLog((response) => {
        openStream(response, 'data: {"line":"error pulling image');
        setTimeout(() => response.socket?.destroy(), 100);
      }),
    },
    {
      what: 'the log has ten thousand lines',
      expected: 'pull-failed; not looked at: log (partly)',
      arrange: podLog((response) => openStream(response, event({ line: FAILED_PULL }).repeat(10_000))),
    },
    {
      what: 'the log has one line of 20 MB',
      expected: 'nothing; not looked at: log',
      arrange: podLog((response) => {
        openStream(response, 'data: {"line":"error pulling image');
        for (let part = 0; part < 20; part += 1) response.write('x'.repeat(1024 * 1024));
      }),
    },
    {
      what: 'the log has lines from before the last look',
      expected: 'nothing',
      arrange: podLog((response) => openStream(response, event({ ts: '2025-01-01T00:00:00Z' }))),
    },
    {
      what: 'the log has lines from the future',
      expected: 'nothing',
      arrange: podLog((response) => openStream(response, event({ ts: '2100-01-01T00:00:00Z' }))),
    },
    {
      what: 'the log has lines of the container',
      expected: 'nothing',
      arrange: podLog((response) => openStream(response, event({ source: 'container' }))),
    },
    {
      what: 'the log has lines without a time',
      expected: 'nothing',
      arrange: podLog((response) =>
        openStream(response, `data: ${JSON.stringify({ line: FAILED_PULL, source: 'system' })}\n\n`),
      ),
    },
    {
      what: 'the log has the time only in the id',
      expected: 'pull-failed',
      arrange: podLog((response) => openStream(response, event({ ts: undefined }))),
    },
    {
      what: 'the log has events that are not JSON',
      expected: 'pull-failed',
      arrange: podLog((response) =>
        openStream(response, 'data: {"line\n\ndata: null\n\ndata: [1]\n\n', event()),
      ),
    },
    {
      what: 'the log has line breaks of Windows',
      expected: 'pull-failed',
      arrange: podLog((response) => openStream(response, event().replaceAll('\n', '\r\n'))),
    },
    {
      what: 'a line has control characters and the secrets of the watch',
      expected: 'pull-failed',
      arrange: (watch) => {
        const { apiKey } = watch.world;
        const password = 'iV8mQ2xW9kLm4Zs8tYp3';
        watch.cloud.aws.ecr.override = { password };
        const hidden = `${apiKey.slice(0, 20)}\u200B\u001b[0m${apiKey.slice(20)}`;
        const line = `\u001b]0;x\u0007${FAILED_PULL} ${hidden} ${password}\u202E\u2028{"a":1}`;
        watch.addPod({ logs: [aLine(line)] });
      },
    },
    {
      what: 'a line has a megabyte',
      expected: 'pull-failed',
      arrange: podLog((response) =>
        openStream(response, event({ line: `${FAILED_PULL} ${'y'.repeat(200_000)}` })),
      ),
    },
    status(404, 'nothing', PROBLEM),
    status(403, 'nothing; blind', PROBLEM),
    status(401, 'nothing; blind', PROBLEM),
    status(500, 'nothing; not looked at: log', PROBLEM),
    status(302, 'nothing; not looked at: log', { headers: { location: 'https://example.com/' } }),
    status(429, 'nothing; not looked at: log', { ...PROBLEM, headers: { 'retry-after': '3600' } }),
    {
      what: 'the log is refused by the edge in front of Runpod',
      expected: 'nothing; not looked at: log',
      arrange: (watch) => {
        watch.addPod();
        runpod(LOGS, { status: 403, headers: { 'content-type': 'text/html' }, body: '<html>1010</html>' })(
          watch,
        );
      },
    },
    {
      what: 'the log is a web page',
      expected: 'nothing; not looked at: log',
      arrange: (watch) => {
        watch.addPod();
        const page = { headers: { 'content-type': 'text/html' }, body: `<html>${FAILED_PULL}</html>` };
        runpod(LOGS, { status: 200, ...page })(watch);
      },
    },
    {
      what: 'the log is JSON',
      expected: 'nothing; not looked at: log',
      arrange: (watch) => {
        watch.addPod();
        runpod(LOGS, { status: 200, body: { lines: [FAILED_PULL] } })(watch);
      },
    },
    {
      what: 'the connection of the first log breaks',
      expected: 'pull-failed',
      arrange: (watch) => {
        watch.addPod({ logs: [aLine(FAILED_PULL)] });
        runpod(LOGS, { reset: true }, 1)(watch);
      },
    },
    {
      what: 'sixty logs hang',
      slow: true,
      expected: 'nothing; not looked at: log',
      timeoutMs: 60_000,
      arrange: (watch) => {
        for (let count = 0; count < 60; count += 1) watch.addPod();
        runpod(LOGS, { hang: true })(watch);
      },
      check: (_, { logs }) => (logs.at(-1)?.notLooked === 60 ? undefined : 'not all sixty were reported'),
    },
  ],
};
