import { FixFields, isWritable, REJECT, TAG } from '@stoa/adapters';

/** What is wrong with a message of the application, by its own fields: answered with Reject(3). */
export interface EntryFault {
  /** SessionRejectReason(373). */
  readonly reason: number;
  readonly tag: number;
  readonly text: string;
}

/** A message of a member, in bytes of its own, until its turn. */
export interface EntryMessage {
  readonly fields: FixFields;
  readonly msgType: string;
  readonly seq: number;
  /** Which numbering of the session it is of, and when that began. */
  readonly numbering: number;
  readonly begunAtMs: number;
  /** It may have come before, under the same number: PossDupFlag(43), or it failed here and is tried again. */
  readonly possDup: boolean;
  /** PossResend(97): the same may have come under another. */
  readonly possResend: boolean;
  /** It came faster than was agreed. */
  readonly isTooFast: boolean;
}

/** Fields that a message must have. FIX 4.4 volume 4; the same in 4.2 and 5.0 SP2 for what is read. */
const REQUIRED: Readonly<Record<string, readonly number[]>> = {
  D: [TAG.ClOrdID, TAG.Symbol, TAG.Side, TAG.TransactTime, TAG.OrderQty, TAG.OrdType],
  F: [TAG.ClOrdID, TAG.OrigClOrdID, TAG.Symbol, TAG.Side],
  G: [TAG.ClOrdID, TAG.OrigClOrdID, TAG.Symbol, TAG.Side, TAG.OrderQty, TAG.OrdType],
  H: [TAG.ClOrdID, TAG.Symbol, TAG.Side],
  q: [TAG.ClOrdID, TAG.MassCancelRequestType],
};

/** Fields that name one of a few values, and those that the standard has. */
const VALUES: readonly (readonly [tag: number, values: RegExp])[] = [
  [TAG.Side, /^[1-9A-H]$/],
  [TAG.OrdType, /^[1-9A-W]$/],
  [TAG.TimeInForce, /^[0-9A-D]$/],
  [TAG.MassCancelRequestType, /^[1-9A-G]$/],
];

/** What answers repeat of a message. */
const REPEATED: readonly number[] = [
  ...[TAG.ClOrdID, TAG.OrigClOrdID, TAG.Symbol, TAG.OrdStatusReqID],
];

/** Whether this node takes messages of this type; undefined: the standard has no such type. */
export function isTaken(msgType: string, isFix42: boolean): boolean | undefined {
  if (msgType === 'q') return !isFix42;
  if (Object.hasOwn(REQUIRED, msgType)) return true;
  return /^([0-9A-Za-z]|[ABC][A-Z])$/.test(msgType) ? false : undefined;
}

/** A message in bytes of its own: the session reads the next one into the same place. */
export function keepMessage({ fields: from, ...about }: EntryMessage): EntryMessage {
  const bytes = Buffer.from(from.message());
  const fields = new FixFields(from.count + 1);
  fields.scan(bytes, 0, bytes.length);
  return { ...about, fields };
}

/** The first thing that is wrong with the fields of a message of a type that is taken. */
export function faultOf({ fields, msgType }: EntryMessage): EntryFault | undefined {
  const absent = (REQUIRED[msgType] ?? []).find((tag) => !fields.has(tag));
  if (absent !== undefined) {
    return { reason: REJECT.RequiredTagMissing, tag: absent, text: 'Required tag missing' };
  }
  const twice = REQUIRED[msgType]?.find((tag) => fields.find(tag, fields.find(tag) + 1) >= 0);
  if (twice !== undefined) {
    return { reason: REJECT.TagAppearsTwice, tag: twice, text: 'Tag appears more than once' };
  }
  const unsaid = REPEATED.find((tag) => !isWritable(fields.text(tag) ?? ' '));
  if (unsaid !== undefined) {
    return { reason: REJECT.IncorrectDataFormat, tag: unsaid, text: 'Incorrect data format' };
  }
  const odd = VALUES.find(([tag, values]) => !values.test(fields.text(tag) ?? '1'));
  return odd && { reason: REJECT.ValueOutOfRange, tag: odd[0], text: 'Value is incorrect' };
}
