// Canary: a lower room of the node imports a higher one. The linter must report this line.
import { resolver } from '../api/resolver.ts';

export const upwardRoom = resolver;
