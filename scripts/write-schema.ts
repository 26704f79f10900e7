/** `npm run schema`: writes `refresher.schema.json`. Run it after each change of `lib/config/schema.ts`. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configJsonSchema } from '../lib/config/schema';

writeFileSync(join(__dirname, '../refresher.schema.json'), configJsonSchema());
