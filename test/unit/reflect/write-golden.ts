/** Writes golden.json anew after an intended change: read the difference, value by value, before it is committed. */
import { writeFileSync } from 'node:fs';
import { GOLDEN_OBJECTS } from './golden-objects.ts';
import { GOLDEN_FILE, rowOf } from './golden-table.ts';

writeFileSync(GOLDEN_FILE, `${JSON.stringify(GOLDEN_OBJECTS.map(rowOf), null, 2)}\n`);
