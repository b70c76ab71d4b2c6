import { CodedError } from '@stoa/schema';
import { FixFields } from '../wire/fix-fields.ts';
import { MessageWriter } from '../wire/message-writer.ts';
import { REJECT, TAG } from '../wire/tags.ts';
import { GapQueue } from './gap-queue.ts';
import { type GapRange, MessageGap } from './message-gap.ts';
import { type HeaderFault, judgeHeader, missing, writeHeader } from './message-header.ts';
import { PeerWatch } from './peer-watch.ts';
import { ResendJob } from './resend-job.ts';
import { logonRefusal, readResendRange, writeLogon, writeReject } from './session-messages.ts';
import type {
  SentMessages,
  SessionLimits,
  SessionNotice,
  SessionOutput,
  SessionSettings,
} from './session-settings.ts';

/** `logging-on`: connected, and both Logons not yet seen. `logging-out`: our Logout waits for theirs. */
export type SessionPhase = 'down' | 'logging-on' | 'up' | 'logging-out';

const LOWER = 'Attempt to lower the sequence number';

export interface SessionNumbers {
  readonly nextOut: number;
  readonly nextIn: number;
}

/**
 * One FIX session, either side: numbers, gaps, repeats, heartbeats, logon and logout. FIX 4.2 and 4.4
 * volume 2, FIXT 1.1; ISO 3531-3.
 *
 * It has no clock, no socket and no file: messages, moments and the loss of a connection come in, and
 * what is to be done goes to {@link SessionOutput} in order.
 */
export class FixSession {
  readonly settings: SessionSettings;
  readonly #limits: SessionLimits;
  readonly #output: SessionOutput;
  readonly #fields = new FixFields();
  readonly #writer = new MessageWriter();
  readonly #queue: GapQueue;
  readonly #resend: ResendJob;
  #phase: SessionPhase = 'down';
  #nextOut: number;
  #nextIn: number;
  readonly #watch: PeerWatch;
  #phaseSinceMs = 0;
  #gap: MessageGap | undefined;
  /** Numbers of messages that were worked on before their turn: a Logon, a ResendRequest. */
  readonly #early = new Set<number>();
  /** Whether something was sent while the session was down: the peer must be made to miss it. */
  #unsent = false;

  constructor(
    settings: SessionSettings,
    limits: SessionLimits,
    numbers: SessionNumbers,
    needs: { readonly output: SessionOutput; readonly sent: SentMessages },
  ) {
    this.settings = settings;
    this.#limits = limits;
    this.#output = needs.output;
    this.#nextOut = numbers.nextOut;
    this.#nextIn = numbers.nextIn;
    this.#watch = new PeerWatch(settings.heartbeatSeconds * 1_000);
    this.#queue = new GapQueue(limits.maxQueuedMessages, limits.maxQueuedBytes);
    this.#resend = new ResendJob(settings, needs.sent, needs.output);
  }

  get phase(): SessionPhase {
    return this.#phase;
  }

  get nextOut(): number {
    return this.#nextOut;
  }

  get nextIn(): number {
    return this.#nextIn;
  }

  /** Whether repeats wait to be sent: call {@link continueResend} when there is room for more. */
  get isResending(): boolean {
    return this.#resend.isActive;
  }

  /** A connection stands. An initiator says Logon first. */
  connected(nowMs: number): void {
    this.#enter('logging-on', nowMs);
    this.#queue.clear();
    this.#early.clear();
    this.#gap = undefined;
    this.#watch.received(nowMs);
    if (this.settings.role === 'acceptor') return;
    this.#watch.heartbeatMs = this.settings.heartbeatSeconds * 1_000;
    if (this.settings.resetOnLogon) this.reset();
    this.#sendLogon(this.settings.resetOnLogon, nowMs);
  }

  disconnected(nowMs: number): void {
    this.#enter('down', nowMs);
    this.#resend.stop();
    this.#queue.clear();
  }

  /** Both sides begin again at 1, as agreed: at the start of a scheduled session, say. */
  reset(): void {
    this.#nextOut = 1;
    this.#nextIn = 1;
    this.#unsent = false;
    this.#queue.clear();
    this.#gap = undefined;
    this.#output.reset(1, 1);
  }

  /**
   * Sends an application message under the next number. Where the session is down, it is kept and
   * goes out when the peer misses it.
   *
   * @throws CodedError `FIX_VALUE_INVALID` when a field cannot be written; no number is used then.
   */
  send(
    msgType: string,
    nowMs: number,
    body: (writer: MessageWriter) => void,
    note?: Buffer,
  ): number {
    return this.#send(msgType, nowMs, body, { kept: true, note });
  }

  /** Asks for a sign that the peer has come to this point: it is told as a pong, in its turn. */
  ping(nowMs: number, id: string): void {
    this.#sendAdmin('1', nowMs, (writer) => writer.text(TAG.TestReqID, id));
  }

  /** Goes on with a higher number, and tells the peer not to wait for those between. */
  skipTo(nextOut: number, nowMs: number): void {
    if (nextOut <= this.#nextOut) return;
    this.#sendAdmin('4', nowMs, (writer) =>
      writer.flag(TAG.GapFillFlag, false).int(TAG.NewSeqNo, nextOut),
    );
    this.#nextOut = nextOut;
  }

  /** Says goodbye; the session ends with the peer's answer, or without after a while. */
  logout(nowMs: number, text?: string): void {
    if (this.#phase === 'logging-on') this.#output.end();
    if (this.#phase !== 'up') return;
    this.#sendAdmin('5', nowMs, (writer) => text !== undefined && writer.text(TAG.Text, text));
    this.#enter('logging-out', nowMs);
  }

  /** Sends the next repeats that were asked for. */
  continueResend(nowMs: number): void {
    this.#resend.continue(nowMs);
    this.#watch.sent(nowMs);
  }

  /** To be called several times in a heartbeat interval. */
  tick(nowMs: number): void {
    const inPhaseMs = nowMs - this.#phaseSinceMs;
    if (this.#phase === 'logging-on' && inPhaseMs >= this.#limits.logonTimeoutMs) {
      this.#end('LOGON_REFUSED', 'No answer to the logon');
    } else if (this.#phase === 'logging-out' && inPhaseMs >= this.#limits.logoutTimeoutMs) {
      this.#end('LOGGED_OUT', 'No answer to the logout');
    } else if (this.#phase === 'up') {
      this.#watchPeer(nowMs);
      if (this.#phase === 'up') this.#watchGap(nowMs);
    }
  }

  /** A message whose frame is sound stands in the bytes from `start` up to `end`. */
  receive(bytes: Buffer, start: number, end: number, nowMs: number): void {
    if (this.#phase === 'down') return;
    this.#watch.received(nowMs);
    this.#take(bytes, start, end, nowMs);
    // What waited behind a gap follows; each message may open or close another.
    while (this.#phase === 'up') {
      const next = this.#queue.take(this.#nextIn);
      if (next !== undefined) this.#take(next, 0, next.length, nowMs);
      else if (this.#early.delete(this.#nextIn)) this.#advance(this.#nextIn + 1);
      else break;
    }
    this.#nextChunk(nowMs);
  }

  #take(bytes: Buffer, start: number, end: number, nowMs: number): void {
    const fields = this.#fields;
    const fault = fields.scan(bytes, start, end);
    const msgType = fields.text(TAG.MsgType) ?? '';
    if (fields.text(TAG.BeginString) !== this.settings.beginString) {
      this.#part('BEGIN_STRING_WRONG', 'Incorrect BeginString', nowMs);
      return;
    }
    if (this.#phase === 'logging-on' && msgType !== 'A') {
      this.#notLoggedOn(msgType);
      return;
    }
    const seq = fields.int(TAG.MsgSeqNum) ?? -1;
    if (seq < 1) {
      this.#part('REJECT_SENT', 'Required tag missing: MsgSeqNum', nowMs);
      return;
    }
    const header = judgeHeader(fields, this.settings, nowMs);
    if (header !== undefined) this.#refuseHeader(header, seq, msgType, nowMs);
    else if (fault !== undefined && msgType !== 'A') this.#refuse(fault, seq, msgType, nowMs);
    else if (msgType === 'A') this.#takeLogon(seq, nowMs);
    else if (msgType === '5') this.#takeLogout(seq, nowMs);
    else if (msgType === '2') this.#takeResendRequest(seq, nowMs);
    else if (msgType === '4') this.#takeSequenceReset(seq, nowMs);
    else if (this.#isNext(seq, bytes, start, end, nowMs)) this.#takeNext(msgType, seq, nowMs);
  }

  #takeNext(msgType: string, seq: number, nowMs: number): void {
    const fields = this.#fields;
    if (msgType === '1') {
      const testReqId = fields.text(TAG.TestReqID);
      if (testReqId === undefined) {
        this.#refuse(missing(TAG.TestReqID), seq, msgType, nowMs);
        return;
      }
      this.#sendAdmin('0', nowMs, (writer) => writer.text(TAG.TestReqID, testReqId));
    } else if (msgType === '0') {
      const answered = fields.text(TAG.TestReqID);
      if (answered !== undefined) this.#output.pong(answered);
    } else {
      if (msgType === '3') {
        const text = fields.text(TAG.Text) ?? `reason ${fields.text(TAG.SessionRejectReason)}`;
        this.#notice('REJECTED_BY_PEER', `Message ${fields.text(TAG.RefSeqNum)}: ${text}`);
      }
      const possDup = fields.flag(TAG.PossDupFlag) === true;
      const possResend = fields.flag(TAG.PossResend) === true;
      this.#output.deliver({ fields, msgType, seq, possDup, possResend });
    }
    this.#advance(seq + 1);
  }

  #notLoggedOn(msgType: string): void {
    const said = this.#fields.text(TAG.Text) ?? 'no reason given';
    const what = msgType === '5' ? 'The peer refused the logon' : 'The first message is no Logon';
    this.#end('LOGON_REFUSED', `${what}: ${said}`);
  }

  #takeLogon(seq: number, nowMs: number): void {
    if (this.#phase !== 'logging-on') {
      this.#part('LOGON_TWICE', 'Already logged on', nowMs);
      return;
    }
    const fields = this.#fields;
    const acceptor = this.settings.role === 'acceptor';
    const refusal = logonRefusal(fields);
    if (refusal !== undefined) {
      this.#part('LOGON_REFUSED', refusal, nowMs);
      return;
    }
    const reset = fields.flag(TAG.ResetSeqNumFlag) === true;
    if (reset && acceptor) this.reset();
    if (reset && !acceptor && !this.settings.resetOnLogon) {
      // What was missed would be lost without anybody having agreed to it.
      this.#part('SEQUENCE_RESET', 'ResetSeqNumFlag was not agreed on', nowMs);
      return;
    }
    if (seq < this.#nextIn && fields.flag(TAG.PossDupFlag) !== true) {
      this.#tooLow(seq, nowMs);
      return;
    }
    if (acceptor) {
      this.#watch.heartbeatMs = (fields.int(TAG.HeartBtInt) ?? 0) * 1_000;
      this.#sendLogon(reset, nowMs);
    }
    this.#enter('up', nowMs);
    const behind = seq > this.#nextIn;
    if (seq === this.#nextIn) this.#advance(seq + 1);
    else if (behind) this.#early.add(seq);
    this.#output.established();
    if (behind) this.#openGap(seq, nowMs);
    else if (this.#unsent) this.ping(nowMs, `${nowMs}`);
    this.#unsent = false;
  }

  #takeLogout(seq: number, nowMs: number): void {
    const text = this.#fields.text(TAG.Text) ?? 'no reason given';
    if (seq === this.#nextIn) this.#advance(seq + 1);
    if (this.#phase === 'up') this.#sendAdmin('5', nowMs);
    this.#end('LOGGED_OUT', `The peer logged out: ${text}`);
  }

  /** Answered also when messages before it are missing: both sides would wait for each other else. */
  #takeResendRequest(seq: number, nowMs: number): void {
    if (seq < this.#nextIn && this.#fields.flag(TAG.PossDupFlag) !== true) {
      this.#tooLow(seq, nowMs);
      return;
    }
    const range = readResendRange(this.#fields, this.#nextOut - 1);
    if ('reason' in range) {
      this.#refuse(range, seq, '2', nowMs);
      return;
    }
    this.#resend.start(range.begin, range.end);
    if (seq === this.#nextIn) this.#advance(seq + 1);
    else if (seq > this.#nextIn) {
      this.#early.add(seq);
      this.#openGap(seq, nowMs);
    }
    this.continueResend(nowMs);
  }

  #takeSequenceReset(seq: number, nowMs: number): void {
    const fields = this.#fields;
    const newSeq = fields.int(TAG.NewSeqNo) ?? -1;
    const fills = fields.flag(TAG.GapFillFlag) === true;
    if (newSeq < 1) {
      this.#refuse(missing(TAG.NewSeqNo), seq, '4', nowMs);
      return;
    }
    if (fills) {
      if (seq > this.#nextIn) {
        this.#queue.add(seq, fields.message());
        this.#openGap(seq, nowMs);
        return;
      }
      if (seq < this.#nextIn) {
        if (fields.flag(TAG.PossDupFlag) !== true) this.#tooLow(seq, nowMs);
        return;
      }
    }
    // A number may be skipped, never used again.
    if (newSeq < this.#nextIn || (fills && newSeq <= seq)) {
      const fault = { reason: REJECT.ValueOutOfRange, tag: TAG.NewSeqNo, text: LOWER };
      this.#refuse(fault, seq, '4', nowMs, fills);
      return;
    }
    if (!fills) this.#notice('SEQUENCE_RESET', `The peer set its next number to ${newSeq}`);
    this.#advance(newSeq);
    this.#queue.dropBelow(newSeq);
  }

  /** Whether it is this message's turn; if not, what follows from that is done. */
  #isNext(seq: number, bytes: Buffer, start: number, end: number, nowMs: number): boolean {
    if (seq === this.#nextIn) return true;
    if (seq > this.#nextIn) {
      this.#queue.add(seq, bytes.subarray(start, end));
      this.#openGap(seq, nowMs);
    } else if (this.#fields.flag(TAG.PossDupFlag) !== true) this.#tooLow(seq, nowMs);
    return false;
  }

  #tooLow(seq: number, nowMs: number): void {
    const text = `MsgSeqNum too low, expecting ${this.#nextIn} but received ${seq}`;
    this.#part('SEQUENCE_TOO_LOW', text, nowMs);
  }

  /** Messages from the next one up to the one before `seq` are missing. */
  #openGap(seq: number, nowMs: number): void {
    if (this.#gap !== undefined || seq <= this.#nextIn) return;
    this.#gap = new MessageGap(seq - 1, this.settings.resendChunk, this.#limits.gapTimeoutMs);
    this.#notice('SEQUENCE_GAP', `Messages ${this.#nextIn} to ${seq - 1} are missing`);
    this.#request(this.#gap.next(this.#nextIn, nowMs), nowMs);
  }

  #request(range: GapRange | undefined, nowMs: number): void {
    if (range === undefined) return;
    this.#sendAdmin('2', nowMs, (writer) =>
      writer.int(TAG.BeginSeqNo, range.begin).int(TAG.EndSeqNo, range.end),
    );
  }

  /** When a part of a gap is filled, the next part is asked for. */
  #nextChunk(nowMs: number): void {
    const gap = this.#gap;
    if (gap === undefined || this.#phase !== 'up') return;
    if (!gap.isFilled(this.#nextIn)) {
      this.#request(gap.next(this.#nextIn, nowMs), nowMs);
      return;
    }
    this.#gap = undefined;
    // What came while this gap was open may have left another.
    const next = this.#queue.lowest;
    if (next !== undefined) this.#openGap(next, nowMs);
  }

  #watchGap(nowMs: number): void {
    const range = this.#gap?.overdue(this.#nextIn, nowMs);
    if (range !== 'lost') this.#request(range, nowMs);
    else this.#part('SEQUENCE_GAP', `Message ${this.#nextIn} was asked for and never came`, nowMs);
  }

  #watchPeer(nowMs: number): void {
    const { lost, ask, beat } = this.#watch.due(nowMs);
    if (lost) this.#end('HEARTBEAT_LOST', 'The peer does not answer the test request');
    else if (ask) this.ping(nowMs, `${nowMs}`);
    else if (beat) this.#sendAdmin('0', nowMs);
  }

  #refuseHeader(fault: HeaderFault, seq: number, msgType: string, nowMs: number): void {
    const known = this.#phase === 'up' || this.#phase === 'logging-out';
    if (known) this.#refuse(fault, seq, msgType, nowMs);
    if (!fault.ends && known) return;
    const code = fault.reason === REJECT.CompIdProblem ? 'COMP_ID_WRONG' : 'CLOCK_SKEW';
    // Who is not yet known, and says a company that is none, is told nothing.
    if (known || code === 'CLOCK_SKEW') this.#part(code, fault.text, nowMs);
    else this.#end(code, fault.text);
  }

  /** Answers Reject(3). The message counts as taken in: it would come again and again else. */
  #refuse(
    fault: Pick<HeaderFault, 'reason' | 'tag' | 'text'>,
    seq: number,
    msgType: string,
    nowMs: number,
    counts = true,
  ): void {
    if (seq < this.#nextIn && this.#fields.flag(TAG.PossDupFlag) === true) return;
    this.#notice('REJECT_SENT', `${fault.text}: tag ${fault.tag} of message ${seq}`);
    this.#sendAdmin('3', nowMs, (writer) => {
      writeReject(writer, { ...fault, seq, msgType }, this.settings.beginString);
    });
    if (seq === this.#nextIn && counts) this.#advance(seq + 1);
  }

  /** Logs out with a reason and ends at once: the peer is not one to wait for. */
  #part(code: SessionNotice['code'], text: string, nowMs: number): void {
    this.#sendAdmin('5', nowMs, (writer) => writer.text(TAG.Text, text));
    this.#end(code, text);
  }

  #end(code: SessionNotice['code'], text: string): void {
    this.#phase = 'down';
    this.#notice(code, text);
    this.#output.end();
  }

  #advance(nextIn: number): void {
    this.#nextIn = nextIn;
    this.#output.advanced(nextIn);
  }

  #enter(phase: SessionPhase, nowMs: number): void {
    this.#phase = phase;
    this.#phaseSinceMs = nowMs;
  }

  #notice(code: SessionNotice['code'], text: string): void {
    this.#output.notice({ code, text });
  }

  #sendLogon(reset: boolean, nowMs: number): void {
    const { heartbeatMs } = this.#watch;
    this.#sendAdmin('A', nowMs, (writer) =>
      writeLogon(writer, this.settings, { heartbeatMs, reset }),
    );
  }

  #sendAdmin(msgType: string, nowMs: number, body?: (writer: MessageWriter) => unknown): void {
    this.#send(msgType, nowMs, body, { kept: false, note: undefined });
  }

  #send(
    msgType: string,
    nowMs: number,
    body: ((writer: MessageWriter) => unknown) | undefined,
    { kept, note }: { readonly kept: boolean; readonly note: Buffer | undefined },
  ): number {
    const seq = this.#nextOut;
    if (seq > 0x7fff_ffff) throw new CodedError('FIX_NUMBERS_END', 'No sequence number is left.');
    writeHeader(this.#writer, this.settings, { msgType, seq, atMs: nowMs });
    body?.(this.#writer);
    const bytes = this.#writer.finish();
    this.#nextOut = seq + 1;
    const online = !kept || this.#phase === 'up';
    if (!online) this.#unsent = true;
    if (online) this.#watch.sent(nowMs);
    this.#output.send({ seq, bytes, kept, note, online });
    return seq;
  }
}
