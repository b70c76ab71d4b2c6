import type { FixFields } from '../wire/fix-fields.ts';
import type { MessageWriter } from '../wire/message-writer.ts';
import { REJECT, TAG } from '../wire/tags.ts';
import { readTimestamp } from '../wire/utc-timestamp.ts';
import type { SessionSettings } from './session-settings.ts';

/** Why a message's header is refused: what is answered, and whether the session ends with it. */
export interface HeaderFault {
  readonly reason: number;
  readonly tag: number;
  readonly text: string;
  readonly ends: boolean;
}

const CLOCK: Omit<HeaderFault, 'tag'> = {
  reason: REJECT.SendingTimeAccuracy,
  text: 'SendingTime accuracy problem',
  ends: true,
};

/** Whether both company ids, and the sub ids where agreed, are those of this session. */
function areCompIdsRight(fields: FixFields, settings: SessionSettings): boolean {
  const { senderCompId, targetCompId, senderSubId } = settings;
  const targetSub = fields.text(TAG.TargetSubID);
  return (
    fields.text(TAG.SenderCompID) === targetCompId &&
    fields.text(TAG.TargetCompID) === senderCompId &&
    (senderSubId === undefined || targetSub === undefined || targetSub === senderSubId)
  );
}

/**
 * Judges what stands in every header besides begin string and number. FIX session layer test cases
 * 2k (CompID), 2m (SendingTime), 2f and 2g (OrigSendingTime of a possible duplicate).
 */
export function judgeHeader(
  fields: FixFields,
  settings: SessionSettings,
  nowMs: number,
): HeaderFault | undefined {
  if (!areCompIdsRight(fields, settings)) {
    const tag = fields.text(TAG.SenderCompID) === settings.targetCompId ? 56 : 49;
    return { reason: REJECT.CompIdProblem, tag, text: 'CompID problem', ends: true };
  }
  const sendingAt = fields.find(TAG.SendingTime);
  if (sendingAt < 0) return missing(TAG.SendingTime);
  const sentAtMs = readTimestamp(fields.textAt(sendingAt));
  if (sentAtMs === undefined) return badFormat(TAG.SendingTime);
  if (Math.abs(nowMs - sentAtMs) > settings.maxClockSkewMs) {
    return { ...CLOCK, tag: TAG.SendingTime };
  }
  if (fields.flag(TAG.PossDupFlag) !== true || fields.text(TAG.MsgType) === '4') return undefined;
  const original = fields.text(TAG.OrigSendingTime);
  if (original === undefined) return missing(TAG.OrigSendingTime);
  const firstSentAtMs = readTimestamp(original);
  if (firstSentAtMs === undefined) return badFormat(TAG.OrigSendingTime);
  return firstSentAtMs > sentAtMs ? { ...CLOCK, tag: TAG.OrigSendingTime } : undefined;
}

/** A field that must be there is not. */
export function missing(tag: number): HeaderFault {
  return { reason: REJECT.RequiredTagMissing, tag, text: 'Required tag missing', ends: false };
}

function badFormat(tag: number): HeaderFault {
  return { reason: REJECT.IncorrectDataFormat, tag, text: 'Incorrect data format', ends: false };
}

/** Begins a message with everything a header holds. */
export function writeHeader(
  writer: MessageWriter,
  settings: SessionSettings,
  message: { readonly msgType: string; readonly seq: number; readonly atMs: number },
): MessageWriter {
  writer
    .begin(settings.beginString, message.msgType)
    .text(TAG.SenderCompID, settings.senderCompId)
    .text(TAG.TargetCompID, settings.targetCompId)
    .int(TAG.MsgSeqNum, message.seq);
  if (settings.senderSubId !== undefined) writer.text(TAG.SenderSubID, settings.senderSubId);
  if (settings.targetSubId !== undefined) writer.text(TAG.TargetSubID, settings.targetSubId);
  return writer.time(TAG.SendingTime, message.atMs);
}

const WRITTEN_ANEW: ReadonlySet<number> = new Set([
  TAG.BeginString,
  TAG.BodyLength,
  TAG.CheckSum,
  TAG.MsgType,
  TAG.MsgSeqNum,
  TAG.SenderCompID,
  TAG.TargetCompID,
  TAG.SenderSubID,
  TAG.TargetSubID,
  TAG.SendingTime,
  TAG.PossDupFlag,
  TAG.OrigSendingTime,
]);

/** A message that was sent before, as a possible duplicate of itself: same number, new time. */
export function repeatOf(
  sent: FixFields,
  writer: MessageWriter,
  settings: SessionSettings,
  atMs: number,
): Buffer {
  const seq = sent.int(TAG.MsgSeqNum) ?? 0;
  writeHeader(writer, settings, { msgType: sent.text(TAG.MsgType) ?? '', seq, atMs });
  writer.flag(TAG.PossDupFlag, true);
  const original = sent.find(TAG.SendingTime);
  writer.text(TAG.OrigSendingTime, sent.textAt(original));
  for (let index = 0; index < sent.count; index += 1) {
    const tag = sent.tags[index] as number;
    if (WRITTEN_ANEW.has(tag)) continue;
    writer.copy(tag, sent.bytes, sent.starts[index] as number, sent.ends[index] as number);
  }
  return writer.finish();
}
