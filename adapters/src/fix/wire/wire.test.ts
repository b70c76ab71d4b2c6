import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../seeded-random.ts';
import {
  DECIMAL_INVALID,
  DECIMAL_TOO_FINE,
  DECIMAL_TOO_LARGE,
  decimalText,
  readDecimal,
} from './decimal-field.ts';
import { FixFields } from './fix-fields.ts';
import { FrameSplitter } from './frame-splitter.ts';
import { MessageWriter } from './message-writer.ts';
import { readGroup } from './repeating-group.ts';
import { REJECT, TAG } from './tags.ts';
import { readTimestamp, timestampText } from './utc-timestamp.ts';

/** A message written with | for the separator; length and checksum are added. */
function message(body: string, begin = 'FIX.4.2'): Buffer {
  const inner = `${body}|`.replaceAll('|', '\x01');
  const head = `8=${begin}\x019=${inner.length}\x01`;
  const sum = [...Buffer.from(head + inner, 'latin1')].reduce((total, byte) => total + byte, 0);
  return Buffer.from(`${head}${inner}10=${String(sum % 256).padStart(3, '0')}\x01`, 'latin1');
}

function split(
  chunks: readonly Buffer[],
  maxBytes = 10_000,
): { frames: string[]; garbled: string[] } {
  const frames: string[] = [];
  const garbled: string[] = [];
  const splitter = new FrameSplitter(maxBytes, {
    onFrame: (bytes, start, end) => frames.push(bytes.toString('latin1', start, end)),
    onGarbled: (reason) => garbled.push(reason),
  });
  for (const chunk of chunks) splitter.push(chunk);
  return { frames, garbled };
}

function scanned(body: string): { fields: FixFields; fault: ReturnType<FixFields['scan']> } {
  const bytes = message(body);
  const fields = new FixFields(64);
  const fault = fields.scan(bytes, 0, bytes.length);
  return { fields, fault };
}

const A = message('35=0|34=1');
const B = message('35=D|34=2|11=x|58=text with = in it');

describe('the frame splitter', () => {
  it('cuts messages out of a stream, wherever its chunks end', () => {
    const stream = Buffer.concat([A, B, A]);
    for (let size = 1; size <= stream.length; size += 1) {
      const chunks: Buffer[] = [];
      for (let at = 0; at < stream.length; at += size) chunks.push(stream.subarray(at, at + size));
      const { frames, garbled } = split(chunks);
      expect(frames).toEqual([A, B, A].map((one) => one.toString('latin1')));
      expect(garbled).toEqual([]);
    }
  });

  it('passes over what is garbled and finds the next message', () => {
    const broken: Record<string, Buffer> = {
      checksum: Buffer.from(B.toString('latin1').replace(/10=\d{3}/, '10=000'), 'latin1'),
      'short length': Buffer.from(B.toString('latin1').replace(/9=\d+/, '9=5'), 'latin1'),
      'long length': Buffer.from(B.toString('latin1').replace(/9=\d+/, '9=999'), 'latin1'),
      'too long': Buffer.from(B.toString('latin1').replace(/9=\d+/, '9=99999999'), 'latin1'),
      'no length': Buffer.from('8=FIX.4.2\x0135=0\x0134=1\x0110=000\x01', 'latin1'),
      'length is no number': Buffer.from('8=FIX.4.2\x019=x5\x0135=0\x0110=000\x01', 'latin1'),
      'type not third': message('34=1|35=0'),
      'endless begin': Buffer.from(`8=FIX${'9'.repeat(100)}`, 'latin1'),
      noise: Buffer.from('GET / HTTP/1.1\r\n\r\n8=FI', 'latin1'),
    };
    for (const [what, bytes] of Object.entries(broken)) {
      const { frames, garbled } = split([A, bytes, A]);
      expect(frames, what).toEqual([A, A].map((one) => one.toString('latin1')));
      expect(garbled.length, what).toBeGreaterThan(0);
    }
  });

  it('never gives a message that was not sent, whichever bytes change', () => {
    const random = seededRandom(8);
    const sent = [A, B, A, B].map((one) => one.toString('latin1'));
    for (let round = 0; round < 800; round += 1) {
      const stream = Buffer.concat([A, B, A, B]);
      stream[random.between(0, stream.length - 1)] = random.between(0, 255);
      const cut = random.between(0, stream.length);
      const { frames } = split([stream.subarray(0, cut), stream.subarray(cut)]);
      for (const frame of frames) expect(sent).toContain(frame);
      expect(frames.length).toBeGreaterThanOrEqual(3);
    }
  });

  it('does not throw at noise of the shape of messages, and keeps no more than one message of it', () => {
    const random = seededRandom(9);
    const parts = ['8=FIX', '8=FIX.4.2\x01', '9=', '12', '\x01', '35=', '10=', '=', 'x', '999999'];
    for (let round = 0; round < 600; round += 1) {
      const text = Array.from({ length: random.between(1, 60) }, () => random.pick(parts)).join('');
      // Whatever came, a message behind it is found, or the one behind that.
      const { frames } = split([Buffer.from(text, 'latin1'), A, A], 200);
      expect(frames.at(-1)).toBe(A.toString('latin1'));
    }
  });
});

describe('the fields of a message', () => {
  it('are found by their tags', () => {
    const { fields, fault } = scanned('35=D|34=17|11=abc|38=0012|43=Y|97=N');
    expect(fault).toBeUndefined();
    expect(fields.text(TAG.ClOrdID)).toBe('abc');
    expect(fields.int(TAG.MsgSeqNum)).toBe(17);
    expect(fields.int(TAG.OrderQty)).toBe(12);
    expect(fields.int(TAG.ClOrdID)).toBe(-1);
    expect(fields.int(TAG.Price)).toBeUndefined();
    expect([fields.flag(43), fields.flag(97), fields.flag(11)]).toEqual([true, false, undefined]);
  });

  it('have faults that name the tag, while the others are still read', () => {
    expect(scanned('35=D|55=|34=3').fault).toMatchObject({
      reason: REJECT.TagWithoutValue,
      tag: 55,
    });
    expect(scanned('35=D|5x5=1|34=3').fault).toMatchObject({ reason: REJECT.InvalidTagNumber });
    expect(scanned('35=D|055=1|34=3').fault).toMatchObject({ reason: REJECT.InvalidTagNumber });
    expect(scanned('35=D|noequals|34=3').fault).toMatchObject({ reason: REJECT.InvalidTagNumber });
    expect(scanned('35=D|55=|34=3').fields.int(TAG.MsgSeqNum)).toBe(3);
    const many = `35=D|${Array.from({ length: 80 }, (_, index) => `${index + 100}=1`).join('|')}`;
    expect(scanned(many).fault).toMatchObject({ reason: REJECT.Other });
  });

  it('may hold separators where a length announces data', () => {
    const { fields, fault } = scanned('35=D|95=5|96=a|b=c|34=9');
    expect(fault).toBeUndefined();
    expect(fields.text(96)).toBe('a\x01b=c');
    expect(fields.int(TAG.MsgSeqNum)).toBe(9);
    expect(scanned('35=D|95=99999|96=ab|34=9').fields.int(TAG.MsgSeqNum)).toBe(9);
  });

  it('never throw, whatever bytes they are', () => {
    const random = seededRandom(10);
    const fields = new FixFields(64);
    const bounds = new Int32Array(16);
    for (let round = 0; round < 1_500; round += 1) {
      const alphabet = [1, 1, 61, 61, 48, 49, 53, 57, 65, 0, 255];
      const bytes = Buffer.from(
        Array.from({ length: random.between(0, 120) }, () => random.pick(alphabet)),
      );
      fields.scan(bytes, 0, bytes.length);
      for (let index = 0; index < fields.count; index += 1) fields.textAt(index);
      readGroup(fields, 55, bounds);
    }
  });
});

describe('a repeating group', () => {
  const bounds = new Int32Array(8);

  it('is read whole around tags that nobody knows', () => {
    const { fields } = scanned(
      '35=X|262=r|268=3|279=0|9999=?|269=0|270=1|279=1|269=1|9998=!|279=2|278=z|58=t',
    );
    expect(readGroup(fields, TAG.NoMDEntries, bounds)).toBe(3);
    const types = [0, 1, 2].map((entry) =>
      fields.text(TAG.MDEntryType, bounds[entry], bounds[entry + 1]),
    );
    expect(types).toEqual(['0', '1', undefined]);
  });

  it('with other entries than it announces is refused', () => {
    for (const count of [1, 3, 8, 99999, -1]) {
      const { fields } = scanned(`35=X|268=${count}|279=0|269=0|279=1|269=1`);
      expect(readGroup(fields, TAG.NoMDEntries, bounds)).toBe(-1);
    }
    expect(readGroup(scanned('35=X|268=2').fields, TAG.NoMDEntries, bounds)).toBe(-1);
    expect(readGroup(scanned('35=X|268=0').fields, TAG.NoMDEntries, bounds)).toBe(0);
    expect(readGroup(scanned('35=X').fields, TAG.NoMDEntries, bounds)).toBe(0);
  });
});

describe('amounts', () => {
  const read = (text: string, decimals: number): number =>
    readDecimal(Buffer.from(text), 0, text.length, decimals);

  it('are exact, or refused: never rounded', () => {
    expect(read('100.25', 2)).toBe(10_025);
    expect(read('00100.2500', 2)).toBe(10_025);
    expect(read('.5', 4)).toBe(5_000);
    expect(read('7.', 1)).toBe(70);
    expect(read('9007199254740991', 0)).toBe(9_007_199_254_740_991);
    expect(read('90071992547409.91000000', 2)).toBe(9_007_199_254_740_991);
    expect(read('9007199254740992', 0)).toBe(DECIMAL_TOO_LARGE);
    expect(read('9007199254740.993', 3)).toBe(DECIMAL_TOO_LARGE);
    expect(read('90071992547409.92', 4)).toBe(DECIMAL_TOO_LARGE);
    expect(read('0.123456789012345678', 18)).toBe(DECIMAL_TOO_LARGE);
    expect(read('0.000000000000000001', 18)).toBe(1);
    expect(read('0.001', 2)).toBe(DECIMAL_TOO_FINE);
    for (const text of ['', '.', '1.2.3', '-1', '+1', '1e3', ' 1', '0'.repeat(65)]) {
      expect(read(text, 2), text).toBe(DECIMAL_INVALID);
    }
  });

  it('are written as they are read, over random ones', () => {
    const random = seededRandom(11);
    for (let round = 0; round < 600; round += 1) {
      const decimals = random.between(0, 18);
      const value = Math.floor(random.next() * Number.MAX_SAFE_INTEGER);
      const text = decimalText(value, decimals);
      expect(read(text, decimals)).toBe(value);
    }
    expect(() => decimalText(0.5, 2)).toThrow(/safe integer/);
  });
});

describe('timestamps', () => {
  it('are read and written to the millisecond', () => {
    const atMs = Date.parse('2028-02-29T23:59:59.123Z');
    expect(timestampText(atMs)).toBe('20280229-23:59:59.123');
    expect(readTimestamp('20280229-23:59:59.123')).toBe(atMs);
    expect(readTimestamp('20280229-23:59:59.123456789')).toBe(atMs);
    expect(readTimestamp('20280229-23:59:59')).toBe(atMs - 123);
    for (const bad of ['20270229-23:59:59', '20280229-24:00:00', '20280229', '2028-02-29', '']) {
      expect(readTimestamp(bad), bad).toBeUndefined();
    }
  });
});

describe('the message writer', () => {
  it('writes what it is told, with length and checksum', () => {
    const writer = new MessageWriter();
    const written = writer
      .begin('FIX.4.2', 'D')
      .int(TAG.MsgSeqNum, 2)
      .text(TAG.ClOrdID, 'x')
      .text(TAG.Text, 'text with = in it')
      .finish();
    expect(written.toString('latin1')).toBe(B.toString('latin1'));
    const long = writer.begin('FIX.4.4', 'B').text(TAG.Text, 'y'.repeat(5_000)).finish();
    expect(split([long]).frames).toHaveLength(1);
  });

  it('refuses values that would break the message', () => {
    const writer = new MessageWriter().begin('FIX.4.2', 'D');
    for (const value of ['', 'a\x01b', 'a\nb', '€']) {
      expect(() => writer.text(TAG.Text, value), JSON.stringify(value)).toThrow(
        /cannot be written/,
      );
    }
  });
});
