// Canary: the gateway reaches past the observer into the node. The first line must be reported,
// the second, which is allowed, must not.
import { store } from '@stoa/node/store';
import { observe } from '@stoa/node/observer';

export const upward = [store, observe];
