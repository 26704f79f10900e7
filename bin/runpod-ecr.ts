/** Starts the command line: see `cli/main.ts`. */

import { main } from '../cli/main';

void main(process.argv.slice(2));
