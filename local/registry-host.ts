import { join } from 'node:path';

/**
 * A module for Node's `import`, before any other: it sends the process's requests for the host in `EMBEDDED_REGISTRY` to
 * the embedded registry. So images have the names that they have in ECR.
 */
export const REGISTRY_HOST_MODULE = join(__dirname, 'registry-host.mjs');
