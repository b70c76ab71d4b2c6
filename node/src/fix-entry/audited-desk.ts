import { type FixVersion, TAG } from '@stoa/adapters';
import { CodedError } from '@stoa/schema';
import { type AuditLog, nothingBegun } from '../records/audit/audit-log.ts';
import { type AuditOutcome, NOBODY } from '../records/audit/audit-record.ts';
import { idAmong } from '../records/audit/audited-id.ts';
import { failureCode } from '../records/audit/failure-code.ts';
import type { EntryAnswer } from './entry-answer.ts';
import type { EntryMessage } from './entry-message.ts';
import { BUSINESS_REJECT, businessReject } from './reject-answers.ts';
import type { RequestDesk } from './request-desk.ts';

export interface AuditedDeskOptions {
  readonly member: string;
  /** The member's company id: who asked, in the records. */
  readonly compId: string;
  readonly version: FixVersion;
}

export interface AuditedDeskNeeds {
  readonly desk: Pick<RequestDesk, 'answer'>;
  readonly audit: Pick<AuditLog, 'failure' | 'mutation'>;
  readonly nowMs: () => number;
}

/** Messages that ask for a change, by their names in the standard. */
const CHANGES: Readonly<Record<string, string>> = {
  D: 'FIX.NewOrderSingle',
  F: 'FIX.OrderCancelRequest',
  G: 'FIX.OrderCancelReplaceRequest',
  q: 'FIX.OrderMassCancelRequest',
};

/**
 * Has every request for a change recorded before it is answered, and none begun that could not be: what
 * GraphQL's mutations have. A request that comes again after a crash is recorded again.
 */
export class AuditedDesk {
  readonly #options: AuditedDeskOptions;
  readonly #needs: AuditedDeskNeeds;

  constructor(options: AuditedDeskOptions, needs: AuditedDeskNeeds) {
    this.#options = options;
    this.#needs = needs;
  }

  /** {@link RequestDesk.answer}. */
  async answer(message: EntryMessage): Promise<EntryAnswer | undefined> {
    const { desk, audit, nowMs } = this.#needs;
    const field = CHANGES[message.msgType];
    if (field === undefined) return desk.answer(message);
    const failure = audit.failure();
    if (failure !== undefined) {
      // Before a crash, or a failure of the store, it may have been done: it waits until that can be said.
      if (message.possDup) throw new CodedError('AUDIT_UNAVAILABLE', nothingBegun(failure));
      return this.#unavailable(message, failure);
    }
    const atMs = nowMs();
    const record = (outcome: AuditOutcome, code: string | null): Promise<void> =>
      audit.mutation({ ...this.#about(message), kind: 'mutation', field, atMs, outcome, code });
    try {
      const answer = await desk.answer(message);
      const refusal = answer?.refusal;
      await record(refusal === undefined ? 'accepted' : 'refused', refusal ?? null);
      return answer;
    } catch (error) {
      await record('failed', failureCode(error));
      throw error;
    }
  }

  #about({ fields, seq, begunAtMs }: EntryMessage) {
    return {
      ...{ ...NOBODY, member: this.#options.member, subject: this.#options.compId },
      ...{ operation: null, document: null, target: null },
      clientId: idAmong(fields.text(TAG.ClOrdID)),
      // The numbering of the session, and the number in it: what the session's log has it under.
      requestId: `${begunAtMs.toString(36)}-${seq}`,
      count: 1,
    };
  }

  #unavailable(message: EntryMessage, why: string): EntryAnswer {
    const text = nothingBegun(why);
    const reject = { reason: BUSINESS_REJECT.notAvailable, refusal: 'AUDIT_UNAVAILABLE', text };
    return businessReject(message, reject, this.#options.version);
  }
}
