import { expect } from 'vitest';
import type { VenueDriver } from '../../conformance/venue-bench.ts';
import { BROKEN } from '../stand-in-server.ts';
import type { RunningStandIn } from './running-stand-in.ts';

/** What a stand-in that is polled can be driven to. */
export function standInDrive(standIn: RunningStandIn): VenueDriver {
  const run =
    (command: string, ...input: unknown[]) =>
    async () => {
      await standIn.command(command, ...input);
    };
  return {
    halt: run('halt'),
    resume: run('resume'),
    endSession: run('passToHour', 5),
    cancelUnasked: async (orderId) => void (await standIn.command('cancelUnasked', orderId)),
    rejectNextOddly: run('fault', 'odd'),
    rejectNextWith: async (code) => void (await standIn.command('fault', `reject:${code}`)),
    loseNextAnswer: run('fault', 'lose'),
    throttleNext: run('fault', 'throttle'),
    brokenAnswers: () => BROKEN,
    breakNextAnswer: async (how) => void (await standIn.command('fault', how)),
    dropLink: run('dropLink'),
    restoreLink: run('restoreLink'),
    cancelsOnDisconnect: () => false,
    garble: run('garble'),
    oddList: run('oddList'),
    expireCredential: run('expireCredential'),
    restartVenue: async () => {
      await standIn.killAndRestart();
      // Connections of before are used no more.
      await expect
        .poll(() => standIn.command('countRequests'), { timeout: 15_000 })
        .toBeGreaterThan(8);
    },
  };
}
