/** The script of `npm start`. */

import { start } from '../local/start';
import { endWithClosedPipe } from './closed-pipe';

endWithClosedPipe();
start(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
