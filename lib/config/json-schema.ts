/** The schema as JSON Schema, for editors. */

import { z } from 'zod';
import { configSchema } from './schema';

/** The text of `refresher.schema.json`. Draft 7 is the newest draft that common editors know in full. */
export function configJsonSchema(): string {
  const schema = z.toJSONSchema(configSchema, { io: 'input', target: 'draft-07' });
  return `${JSON.stringify({ title: 'Configuration of the Runpod ECR credential refresher', ...schema }, null, 2)}\n`;
}
