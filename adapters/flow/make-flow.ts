import { writeFile } from 'node:fs/promises';
import { makeFlow, SHIPPED_FLOWS } from '../src/flow/flow-maker.ts';

for (const [venue, recipe] of Object.entries(SHIPPED_FLOWS)) {
  await writeFile(new URL(`${venue}.csv`, import.meta.url), makeFlow(recipe));
}
