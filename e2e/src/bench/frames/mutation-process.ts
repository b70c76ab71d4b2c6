import { seededRandom } from '@stoa/adapters/seeded-random';
import { decodeSigned, encodeSigned, isRefusal, MAX_FRAME_BYTES } from '@stoa/schema';
import { serveCommands } from '../process-commands.ts';
import { createHostileWorld, type HostileWorld, otherVenue } from './hostile-world.ts';
import { type Attack, mutations } from './mutations.ts';

const maxExamples = 10;

/** A case that should not be, by the number that makes it again. */
export interface Failure {
  readonly case: number;
  readonly kind: string;
  readonly what: string;
}

/** What became of the cases: by kind, how many by the code they were refused with. */
export interface MutationReport {
  readonly kinds: Record<string, Record<string, number>>;
  accepted: number;
  threw: number;
  /** What a mutation left as it was, and was drawn again. */
  unchanged: number;
  readonly failures: Failure[];
}

const kinds = Object.entries(mutations);
const world = createHostileWorld();
const genuine = new Set(world.genuine.map(({ bytes }) => Buffer.from(bytes).toString('base64')));

/** Of the same number comes the same case, whichever process makes it. */
function makeCase(seed: number, number: number, report: MutationReport) {
  const random = seededRandom(seed + Math.imul(number, 0x9e37_79b1));
  const [kind, mutate] = kinds[number % kinds.length] ?? ['none', () => undefined];
  for (;;) {
    const attack = mutate(random, world);
    if (attack && isAttack(kind, attack)) {
      return {
        ...{ kind, bytes: attack.bytes },
        node: attack.node ?? random.pick(['following', 'fresh'] as const),
        arrival: attack.arrival ?? random.pick(['pushed', 'pulled'] as const),
      };
    }
    report.unchanged += 1;
  }
}

/** Fields that nobody knows carry nothing: whose payload and signature are genuine is genuine. */
function isAttack(kind: string, { bytes }: Attack): boolean {
  if (kind === 'replay') return true;
  const signed = decodeSigned(bytes, MAX_FRAME_BYTES);
  if (isRefusal(signed)) return true;
  return !genuine.has(Buffer.from(encodeSigned(signed)).toString('base64'));
}

/** What both nodes hold: nothing that is refused may change it. */
function stateOf({ following, fresh }: HostileWorld): string {
  const books = [following, fresh].map((node) =>
    [...new Set(world.genuine.flatMap(({ frame }) => frame.entries.map((one) => one.instrument)))]
      .map((instrument) => node.book(instrument))
      .map(({ bids, offers }) => ({ bids, offers })),
  );
  const heads = [following, fresh].map((node) =>
    node.heads().map(({ hash, ...head }) => ({ ...head, hash: Buffer.from(hash).toString('hex') })),
  );
  return JSON.stringify({ books, heads });
}

const commands = {
  /** Runs the cases `from`, `from + step` and so on below `to`. */
  run(plan: { seed: number; from: number; to: number; step: number }): MutationReport {
    const report: MutationReport = {
      ...{ kinds: {}, accepted: 0, threw: 0, unchanged: 0, failures: [] },
    };
    const fail = (one: Failure): void => {
      if (report.failures.length < maxExamples) report.failures.push(one);
    };
    const before = stateOf(world);
    for (let number = plan.from; number < plan.to; number += plan.step) {
      const { kind, bytes, node, arrival } = makeCase(plan.seed, number, report);
      const codes = (report.kinds[kind] ??= {});
      try {
        const verdict = world[node].receive(bytes, arrival, otherVenue);
        const code = verdict.verdict === 'accept' ? 'accept' : `${verdict.verdict} ${verdict.code}`;
        codes[code] = (codes[code] ?? 0) + 1;
        if (verdict.verdict !== 'accept') continue;
        report.accepted += 1;
        fail({ case: number, kind, what: `accepted (${node}, ${arrival})` });
      } catch (error) {
        report.threw += 1;
        fail({ case: number, kind, what: error instanceof Error ? error.message : String(error) });
      }
    }
    if (stateOf(world) !== before) {
      fail({ case: plan.from, kind: 'all', what: 'refused frames changed a book or a head' });
    }
    return report;
  },
};

export type MutationCommands = typeof commands;

serveCommands(commands);
