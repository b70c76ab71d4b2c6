import { type AuditHead, type AuditRecord, auditHash, EMPTY_LOG } from './audit-record.ts';

/** What is wrong with a log, at the first record at which it shows. */
export interface AuditFault {
  readonly code: 'ALTERED' | 'MISSING' | 'BEGINNING_MISSING' | 'CUT_OFF';
  readonly number: number;
  readonly message: string;
}

/**
 * Checks a log, record by record in the order of their numbers. A record that was altered has another
 * hash, one that was removed leaves a hole, one that was put in needs every later one made anew; those
 * that left by retention are vouched for by a record that says so. That the end was cut off, or that all
 * was made anew, shows by a head that was noted elsewhere, and by nothing else.
 */
export class AuditCheck {
  readonly #noted: AuditHead | undefined;
  #first: AuditRecord | undefined;
  #head = EMPTY_LOG;
  #fault: AuditFault | undefined;
  #isVouchedFor = false;

  constructor(noted?: AuditHead) {
    this.#noted = noted;
  }

  /** Number of the first record; undefined for a log without any. */
  get first(): number | undefined {
    return this.#first?.number;
  }

  get head(): AuditHead {
    return this.#head;
  }

  /** Takes the next record: the first fault so far. */
  add(record: AuditRecord): AuditFault | undefined {
    this.#fault ??= this.#faultOf(record);
    if (this.#fault) return this.#fault;
    this.#first ??= record;
    this.#head = record;
    this.#isVouchedFor ||= vouchesFor(record, this.#first);
    return undefined;
  }

  /** After the last record: the first fault of all. */
  end(): AuditFault | undefined {
    const { number, previous } = this.#first ?? { number: 1, previous: EMPTY_LOG.hash };
    const isBeginning = number === 1 && previous === EMPTY_LOG.hash;
    if (!this.#fault && !isBeginning && !this.#isVouchedFor) {
      const message = `The log begins with record ${number}, and none of its records says that those before it left by retention.`;
      this.#fault = { code: 'BEGINNING_MISSING', number, message };
    }
    const last = this.#head.number;
    if (!this.#fault && this.#noted && this.#noted.number > last) {
      const message = `The log ends with record ${last}, and record ${this.#noted.number} had been noted.`;
      this.#fault = { code: 'CUT_OFF', number: last, message };
    }
    return this.#fault;
  }

  #faultOf(record: AuditRecord): AuditFault | undefined {
    const { number, previous, hash } = record;
    const { number: last, hash: lastHash } = this.#head;
    if (this.#first && number !== last + 1) {
      const message = `Record ${last + 1} is missing: ${number} comes after ${last}.`;
      return { code: 'MISSING', number, message };
    }
    const isSound = auditHash(record) === hash && (!this.#first || previous === lastHash);
    const isNoted = this.#noted?.number !== number || this.#noted.hash === hash;
    if (isSound && isNoted) return undefined;
    const message = isSound
      ? `Record ${number} is not the one that had been noted.`
      : `Record ${number} is not what was recorded there, or the one before it is not.`;
    return { code: 'ALTERED', number, message };
  }
}

/** Whether a record says that all before the first one left by retention. */
function vouchesFor(
  { kind, target, document }: AuditRecord,
  { number, previous }: AuditRecord,
): boolean {
  const through = Number(target);
  if (kind !== 'retention' || through < number - 1) return false;
  // A removal that is under way has taken the older ones alone.
  return through > number - 1 || document === previous;
}
