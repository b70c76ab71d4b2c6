import type { FixFields } from '../wire/fix-fields.ts';
import type { MessageWriter } from '../wire/message-writer.ts';
import { REJECT, TAG } from '../wire/tags.ts';
import type { GapRange } from './message-gap.ts';
import type { HeaderFault } from './message-header.ts';
import type { BeginString, SessionSettings } from './session-settings.ts';

const MAX_HEARTBEAT_SECONDS = 3_600;

/** Why a Logon(A) cannot be taken, as the peer is told; undefined where it can. */
export function logonRefusal(fields: FixFields): string | undefined {
  const heartbeat = fields.int(TAG.HeartBtInt) ?? -1;
  if (heartbeat < 0 || heartbeat > MAX_HEARTBEAT_SECONDS) {
    return 'HeartBtInt is missing or out of range';
  }
  const encrypt = fields.text(TAG.EncryptMethod) ?? '0';
  return encrypt === '0' ? undefined : 'EncryptMethod is not supported';
}

/** What a ResendRequest(2) asks for, of the numbers up to `last`; or what is wrong with it. */
export function readResendRange(
  fields: FixFields,
  last: number,
): GapRange | Pick<HeaderFault, 'reason' | 'tag' | 'text'> {
  const begin = fields.int(TAG.BeginSeqNo) ?? -1;
  const end = fields.int(TAG.EndSeqNo) ?? -1;
  const wrong = { reason: REJECT.ValueOutOfRange, text: 'Value is incorrect' };
  if (begin < 1 || begin > last) return { ...wrong, tag: TAG.BeginSeqNo };
  // Zero is "up to the latest".
  if (end < 0 || (end > 0 && end < begin)) return { ...wrong, tag: TAG.EndSeqNo };
  return { begin, end: end === 0 ? last : Math.min(end, last) };
}

/** Body of a Logon(A). Who logs on says who it is; the other side says nothing of the kind. */
export function writeLogon(
  writer: MessageWriter,
  settings: SessionSettings,
  { heartbeatMs, reset }: { readonly heartbeatMs: number; readonly reset: boolean },
): void {
  const { username, password, defaultApplVerId, logonFields, role } = settings;
  writer.int(TAG.EncryptMethod, 0).int(TAG.HeartBtInt, heartbeatMs / 1_000);
  if (reset) writer.flag(TAG.ResetSeqNumFlag, true);
  if (username !== undefined && role === 'initiator') writer.text(TAG.Username, username);
  if (password !== undefined && role === 'initiator') writer.text(TAG.Password, password);
  if (defaultApplVerId !== undefined) writer.text(TAG.DefaultApplVerID, defaultApplVerId);
  for (const [tag, value] of logonFields) writer.text(tag, value);
}

/** Body of a Reject(3). FIX 4.2 knows reasons up to 11 only. */
export function writeReject(
  writer: MessageWriter,
  fault: Pick<HeaderFault, 'reason' | 'tag' | 'text'> & {
    readonly seq: number;
    readonly msgType: string;
  },
  beginString: BeginString,
): void {
  writer.int(TAG.RefSeqNum, fault.seq);
  if (fault.tag > 0) writer.int(TAG.RefTagID, fault.tag);
  if (fault.msgType !== '') writer.text(TAG.RefMsgType, fault.msgType);
  if (fault.reason <= 11 || beginString !== 'FIX.4.2') {
    writer.int(TAG.SessionRejectReason, fault.reason);
  }
  writer.text(TAG.Text, fault.text);
}
