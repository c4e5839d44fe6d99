/**
 * What of charts/farlet is made from scripts/chart/values.ts: `schema` prints values.schema.json, `readme`
 * prints README.md.
 */
import { z } from 'zod';
import { readme } from './readme.ts';
import { valuesSchema } from './values.ts';

const schema = z.toJSONSchema(valuesSchema, { io: 'input' });
process.stdout.write(
  process.argv[2] === 'readme' ? readme(schema) : `${JSON.stringify(schema, undefined, 2)}\n`,
);
