import type { CycleA } from './cycle-a.ts';

export interface CycleB {
  other: CycleA;
}
