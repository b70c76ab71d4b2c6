// Canary: half of an import cycle by types alone. The linter must report it.
import type { CycleB } from './cycle-b.ts';

export interface CycleA {
  other: CycleB;
}
