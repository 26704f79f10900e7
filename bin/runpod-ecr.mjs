#!/usr/bin/env node
// Starts the command line; tsx lets Node run TypeScript. The AWS SDK's warning about Node 20 is for developers, so it is off.
import { createRequire } from 'node:module';
import { register } from 'tsx/cjs/api';
import { register as registerDynamicImports } from 'tsx/esm/api';

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
register();
registerDynamicImports();
createRequire(import.meta.url)('./runpod-ecr.ts');
