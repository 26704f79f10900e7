#!/usr/bin/env node
// Lets Node run TypeScript, then starts the command line. The AWS SDK's notice about Node 20 is for developers.
import { createRequire } from 'node:module';
import { register } from 'tsx/cjs/api';
import { register as registerDynamicImports } from 'tsx/esm/api';

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
register();
registerDynamicImports();
createRequire(import.meta.url)('./runpod-ecr.ts');
