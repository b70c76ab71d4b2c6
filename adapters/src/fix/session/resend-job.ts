import { FixFields } from '../wire/fix-fields.ts';
import { MessageWriter } from '../wire/message-writer.ts';
import { TAG } from '../wire/tags.ts';
import { readTimestamp, timestampText } from '../wire/utc-timestamp.ts';
import { repeatOf, writeHeader } from './message-header.ts';
import type { SentMessages, SessionOutput, SessionSettings } from './session-settings.ts';

/** Messages repeated in one go; then the peer gets time to read. */
const MESSAGES_AT_ONCE = 500;

/**
 * Sends again what a peer asks for: its application messages as possible duplicates, and one gap fill
 * over each stretch of numbers that were none. FIX 4.4 volume 2, "Resend Request".
 */
export class ResendJob {
  readonly #settings: SessionSettings;
  readonly #sent: SentMessages;
  readonly #output: Pick<SessionOutput, 'repeat' | 'withheld'>;
  readonly #fields = new FixFields();
  readonly #writer = new MessageWriter();
  #next = 1;
  #end = 0;

  constructor(
    settings: SessionSettings,
    sent: SentMessages,
    output: Pick<SessionOutput, 'repeat' | 'withheld'>,
  ) {
    this.#settings = settings;
    this.#sent = sent;
    this.#output = output;
  }

  get isActive(): boolean {
    return this.#next <= this.#end;
  }

  /** Takes on a range; what is left of an earlier one is part of it where they meet. */
  start(begin: number, end: number): void {
    const active = this.isActive;
    this.#next = active ? Math.min(this.#next, begin) : begin;
    this.#end = active ? Math.max(this.#end, end) : end;
  }

  stop(): void {
    this.#end = 0;
    this.#next = 1;
  }

  continue(nowMs: number): void {
    let fillFrom = 0;
    for (let steps = 0; this.isActive && steps < MESSAGES_AT_ONCE; ) {
      const seq = this.#next;
      this.#next += 1;
      const bytes = this.#sent.message(seq);
      if (bytes !== undefined) this.#fields.scan(bytes, 0, bytes.length);
      if (bytes === undefined || this.#isTooOld(nowMs)) {
        fillFrom ||= seq;
        if (bytes !== undefined) this.#output.withheld(seq);
        continue;
      }
      if (fillFrom > 0) this.#fillGap(fillFrom, seq, nowMs);
      fillFrom = 0;
      this.#output.repeat(repeatOf(this.#fields, this.#writer, this.#settings, nowMs));
      steps += 1;
    }
    if (fillFrom > 0) this.#fillGap(fillFrom, this.#next, nowMs);
  }

  #fillGap(seq: number, newSeq: number, nowMs: number): void {
    writeHeader(this.#writer, this.#settings, { msgType: '4', seq, atMs: nowMs })
      .flag(TAG.PossDupFlag, true)
      .text(TAG.OrigSendingTime, timestampText(nowMs))
      .flag(TAG.GapFillFlag, true)
      .int(TAG.NewSeqNo, newSeq);
    this.#output.repeat(this.#writer.finish());
  }

  /** Of the message that was scanned: an order of long ago would trade at what the market was then. */
  #isTooOld(nowMs: number): boolean {
    const { maxResendAgeMs } = this.#settings;
    if (maxResendAgeMs === undefined) return false;
    const sentAtMs = readTimestamp(this.#fields.text(TAG.SendingTime) ?? '');
    return sentAtMs === undefined || nowMs - sentAtMs > maxResendAgeMs;
  }
}
