import type { WireFault } from './fix-peer-session.ts';

/** Ways in which a message can be broken on its way. */
export const FAULTS: Readonly<Record<string, WireFault>> = {
  checksum: (bytes) => Buffer.concat([bytes.subarray(0, -4), Buffer.from('000\x01')]),
  length: (bytes) => {
    const broken = Buffer.from(bytes);
    broken.write('7', broken.indexOf('\x019=') + 3);
    return broken;
  },
  cut: () => 'cut',
};

/** Values of OrdRejReason(103), and the network's code for each. */
export const REJECTIONS: Readonly<Record<string, string>> = {
  '0': 'VENUE_REJECTED',
  '1': 'UNKNOWN_INSTRUMENT',
  '2': 'CLOSED',
  '3': 'ORDER_LIMIT_EXCEEDED',
  '4': 'EXPIRED',
  '6': 'DUPLICATE_ORDER_ID',
  '11': 'ORDER_TERMS_INVALID',
  '13': 'QUANTITY_INVALID',
  '15': 'UNKNOWN_ACCOUNT',
  '16': 'PRICE_OUT_OF_BAND',
  '18': 'OFF_TICK',
  '99': 'VENUE_REJECTED',
  '4711': 'VENUE_REASON_4711',
};
