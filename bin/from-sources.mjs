// Starts the command line of a clone; tsx lets Node run TypeScript. It is not part of the package.
import { createRequire } from 'node:module';
import { register } from 'tsx/cjs/api';
import { register as registerDynamicImports } from 'tsx/esm/api';

register();
registerDynamicImports();
createRequire(import.meta.url)('./runpod-ecr.ts');
