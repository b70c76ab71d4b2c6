import type { FixVersion } from '../../dialect/dialect.ts';
import { TAG } from '../../wire/tags.ts';

/** A group of these fields, in a message of this type. */
const GROUPS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  V: { NoMDEntryTypes: ['MDEntryType'], NoRelatedSym: ['Symbol'] },
};

/**
 * As much of a dictionary as QuickFIX needs to know groups from tags that appear twice: Debian ships
 * none. Which fields a message may have it is told not to ask.
 */
export function dictionaryOf(version: FixVersion | 'FIXT.1.1'): string {
  const [, kind = 'FIX', major = '4', minor = '2'] = /^(FIXT?)\.(\d)\.(\d)/.exec(version) ?? [];
  const admin = version !== 'FIX.5.0SP2';
  const types = [
    ...(admin ? ['0', '1', '2', '3', '4', '5', 'A'] : []),
    ...(version === 'FIXT.1.1'
      ? []
      : ['D', 'F', 'G', 'H', 'q', 'AF', 'V', 'e', 'x', 'c', '8', '9', 'j', 'r']),
  ];
  const messages = types.map((type) => {
    const groups = Object.entries(GROUPS[type] ?? {}).map(([name, fields]) => {
      const members = fields.map((one) => `<field name="${one}" required="N"/>`).join('');
      return `<group name="${name}" required="N">${members}</group>`;
    });
    const category = '0123456A'.includes(type) && type.length === 1 ? 'admin' : 'app';
    return `<message name="M${type}" msgtype="${type}" msgcat="${category}">${groups.join('')}</message>`;
  });
  const header = ['BeginString', 'BodyLength', 'MsgType', 'SenderCompID', 'TargetCompID']
    .concat(['MsgSeqNum', 'SendingTime', 'PossDupFlag', 'OrigSendingTime', 'PossResend'])
    .concat(['SenderSubID', 'TargetSubID', 'ApplVerID'])
    .map((name) => `<field name="${name}" required="N"/>`);
  const fields = Object.entries(TAG).map(
    ([name, number]) =>
      `<field number="${number}" name="${name}" type="${name.startsWith('No') && name.length > 6 ? 'NUMINGROUP' : 'STRING'}"/>`,
  );
  return [
    `<fix type="${kind}" major="${major}" minor="${minor}"${version === 'FIX.5.0SP2' ? ' servicepack="2"' : ''}>`,
    `<header>${admin ? header.join('') : ''}</header>`,
    `<messages>${messages.join('')}</messages>`,
    `<trailer>${admin ? '<field name="CheckSum" required="Y"/>' : ''}</trailer>`,
    `<components/><fields>${fields.join('')}</fields></fix>`,
  ].join('\n');
}
