import { Counter, type Registry } from 'prom-client';
import type { EquivocationProof } from './judgement-record.ts';

/** A venue may contradict itself without end; so many are told apart. */
const MAX_REMEMBERED = 4_096;

/** The name of a proof, the same at every node whichever two frames it holds. */
export function proofName({ code, venue, epoch, sequence }: EquivocationProof): string {
  return `${code}/${venue}/${epoch}/${sequence}`;
}

/** Says once of each proof that it is new, whether it was found here or shown by others. */
export function createProofAlarm(needs: {
  readonly registry: Registry;
  proofs(): readonly EquivocationProof[];
  onProof(proof: EquivocationProof): void;
}): { check(): void } {
  const counter = new Counter<'venue' | 'code'>({
    name: 'stoa_equivocation_proofs_total',
    help: 'Contradictions that a venue has signed, found here or shown by others: an alarm each.',
    labelNames: ['venue', 'code'],
    registers: [needs.registry],
  });
  const seen = new Set<string>();
  return {
    check() {
      for (const proof of needs.proofs()) {
        const name = proofName(proof);
        if (seen.has(name)) continue;
        seen.add(name);
        const [oldest] = seen;
        if (seen.size > MAX_REMEMBERED && oldest !== undefined) seen.delete(oldest);
        counter.inc({ venue: proof.venue, code: proof.code });
        needs.onProof(proof);
      }
    },
  };
}
