// One cold run of the function's bundle: import, one event, one answer. The benchmark reads the output.
import { pathToFileURL } from 'node:url';

const { handler } = await import(pathToFileURL(process.argv[2]).href);
const context = { awsRequestId: 'bench', functionName: 'bench', getRemainingTimeInMillis: () => 300_000 };
// The refresher returns the refreshed targets, the watch the number of workloads.
const { refreshed, workloads } = await handler({}, context);
process.stdout.write(
  `${JSON.stringify({ ok: (refreshed?.length ?? workloads) > 0, peakKb: process.resourceUsage().maxRSS })}\n`,
  () => process.exit(0),
);
