// Canary: schema imports a package above it. The linter must report this line.
import { observe } from '@stoa/node/observer';

export const upward = observe;
