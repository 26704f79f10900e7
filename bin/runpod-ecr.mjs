#!/usr/bin/env node
// Starts the command line: in a clone from its sources, in the installed package from what `npm run build` made.
import { existsSync } from 'node:fs';

// The AWS SDK's warning about Node 20 is for developers.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
await (existsSync(new URL('../cli/main.ts', import.meta.url))
  ? import('./from-sources.mjs')
  : import('../dist/cli/runpod-ecr.mjs'));
