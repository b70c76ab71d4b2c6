import { type FixVersion, isWritable, TAG } from '@stoa/adapters';
import type { EntryAnswer } from './entry-answer.ts';
import type { EntryFault, EntryMessage } from './entry-message.ts';
import { writeText } from './report-writer.ts';

/** BusinessRejectReason(380). */
export const BUSINESS_REJECT = { other: 0, unsupportedType: 3, notAvailable: 4, notAuthorized: 6 };

/** Reject(3). FIX 4.2 knows reasons up to 11 only. */
export function sessionReject(
  { seq, msgType }: EntryMessage,
  { reason, tag, text }: EntryFault,
  version: FixVersion,
): EntryAnswer {
  return {
    msgType: '3',
    refusal: 'FIX_MESSAGE_INVALID',
    body: (writer) => {
      writer.int(TAG.RefSeqNum, seq).int(TAG.RefTagID, tag);
      if (isWritable(msgType)) writer.text(TAG.RefMsgType, msgType);
      if (version !== 'FIX.4.2' || reason <= 11) writer.int(TAG.SessionRejectReason, reason);
      writer.text(TAG.Text, text);
    },
  };
}

/** BusinessMessageReject(j). FIX 4.2 knows reasons up to 5 only. */
export function businessReject(
  { fields, seq, msgType }: EntryMessage,
  reject: { readonly reason: number; readonly refusal: string; readonly text: string },
  version: FixVersion,
): EntryAnswer {
  const id = fields.text(TAG.ClOrdID);
  const isKnown = version !== 'FIX.4.2' || reject.reason <= 5;
  return {
    msgType: 'j',
    refusal: reject.refusal,
    body: (writer) => {
      writer.int(TAG.RefSeqNum, seq).text(TAG.RefMsgType, msgType);
      if (id !== undefined && isWritable(id)) writer.text(TAG.BusinessRejectRefID, id);
      writer.int(TAG.BusinessRejectReason, isKnown ? reject.reason : BUSINESS_REJECT.other);
      writeText(writer, reject.text);
    },
  };
}
