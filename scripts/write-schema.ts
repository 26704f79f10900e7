/** Writes `refresher.schema.json`. Run it with `npm run schema` after a change of `lib/config/schema.ts`. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configJsonSchema } from '../lib/config/json-schema';

writeFileSync(join(__dirname, '../refresher.schema.json'), configJsonSchema());
