import {
  accepted,
  busted,
  cancel,
  corrected,
  done,
  filled,
  fok,
  gtc,
  ioc,
  type Matrices,
  rejected,
  replace,
  replaced,
  says,
  sent,
  silent,
  taken,
  testMatrices,
} from '../testing/state-matrices.ts';

const matrices: Matrices = {
  'E, unsolicited reports': [
    [
      'E.1.b a part-filled order is canceled unasked',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [filled(2_000, 'a'), 'partially-filled 10000 2000 8000'],
        [done(2_000), 'canceled 10000 2000 0'],
      ],
    ],
    [
      'E.1.b the same while it is being replaced',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [replace(12_000), 'pending-replace 10000 0 10000'],
        [done(0), 'canceled 10000 0 0'],
      ],
    ],
    [
      'E.1.d quantity is taken off unasked',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [filled(2_000, 'a'), 'partially-filled 10000 2000 8000'],
        [replaced(9_000), 'partially-filled 9000 2000 7000'],
        [replaced(9_000), { ignored: 'DUPLICATE' }],
        [filled(7_000, 'b'), 'filled 9000 9000 0'],
      ],
    ],
    [
      'E.1.c other terms that nobody asked for are not taken',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [replaced(11_000), { ignored: 'REPLACE_CONTRADICTS' }],
        [replaced(9_000, 1, 130), { ignored: 'REPLACE_CONTRADICTS' }],
      ],
    ],
  ],
  'F, order rejects': [
    [
      'F.1.a the same again changes nothing',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [accepted, { ignored: 'DUPLICATE' }],
        [filled(2_000, 'a'), 'partially-filled 10000 2000 8000'],
        [rejected, { ignored: 'FILLED_CONTRADICTS' }],
      ],
    ],
    [
      'F.1.b sent again as possibly sent before: the venue tells how it stands',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [silent, 'unknown 10000 0 10000'],
        [says('new'), 'new 10000 0 10000'],
        [accepted, { ignored: 'DUPLICATE' }],
        [filled(10_000, 'a'), 'filled 10000 10000 0'],
      ],
    ],
  ],
  'G, status requests': [
    [
      'G.1.a of an order that the venue does not know',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [silent, 'unknown 10000 0 10000'],
        [says('unknown-order'), 'rejected 10000 0 0'],
      ],
    ],
    [
      'G.1.b of an order of which nothing is done',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [silent, 'unknown 10000 0 10000'],
        [says('new'), 'new 10000 0 10000'],
        [says('new'), { ignored: 'DUPLICATE' }],
      ],
    ],
    [
      'G.1.c during the life of an order',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [says('new'), { ignored: 'DUPLICATE' }],
        [accepted, 'new 10000 0 10000'],
        [says('new'), { ignored: 'DUPLICATE' }],
        [filled(2_000, 'a'), 'partially-filled 10000 2000 8000'],
        [says('partially-filled', 2_000), { ignored: 'DUPLICATE' }],
        [silent, 'unknown 10000 2000 8000'],
        [says('partially-filled', 2_000), 'partially-filled 10000 2000 8000'],
        [filled(8_000, 'b'), 'filled 10000 10000 0'],
        [says('filled', 10_000), 'filled 10000 10000 0'],
      ],
    ],
    [
      'of a venue that restarted and has an order no more',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [filled(2_000, 'a'), 'partially-filled 10000 2000 8000'],
        [silent, 'unknown 10000 2000 8000'],
        [says('unknown-order'), 'canceled 10000 2000 0'],
      ],
    ],
    [
      'a fill that comes before the acknowledgement, and while nothing is known',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [silent, 'unknown 10000 0 10000'],
        [filled(2_000, 'a'), 'partially-filled 10000 2000 8000'],
        [accepted, { ignored: 'DUPLICATE' }],
      ],
    ],
  ],
  'H, good till canceled': [
    [
      'H.1.a part-filled, renewed, and part-filled on the next day',
      gtc,
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [filled(2_000, 'a'), 'partially-filled 10000 2000 8000'],
        [says('done-for-day', 2_000), 'done-for-day 10000 2000 8000'],
        [says('partially-filled', 2_000), 'partially-filled 10000 2000 8000'],
        [filled(1_000, 'b'), 'partially-filled 10000 3000 7000'],
      ],
    ],
    [
      'H.1.b part-filled, and restated for a split: no venue here may raise what was asked for',
      gtc,
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [filled(2_000, 'a'), 'partially-filled 10000 2000 8000'],
        [replaced(20_000, 1, 60), { ignored: 'REPLACE_CONTRADICTS' }],
        [filled(8_000, 'b'), 'filled 10000 10000 0'],
      ],
    ],
    [
      'H.1.c part-filled, renewed, and canceled on the next day',
      gtc,
      [
        [sent(), 'pending-new 10000 0 10000'],
        [filled(2_000, 'a'), 'partially-filled 10000 2000 8000'],
        [says('done-for-day', 2_000), 'done-for-day 10000 2000 8000'],
        [cancel, 'pending-cancel 10000 2000 8000'],
        [done(2_000), 'canceled 10000 2000 0'],
      ],
    ],
    [
      'H.1.d part-filled, renewed, and raised on the next day',
      gtc,
      [
        [sent(), 'pending-new 10000 0 10000'],
        [filled(2_000, 'a'), 'partially-filled 10000 2000 8000'],
        [says('done-for-day', 2_000), 'done-for-day 10000 2000 8000'],
        [replace(15_000), 'pending-replace 10000 2000 8000'],
        [replaced(15_000), 'partially-filled 15000 2000 13000'],
        [filled(1_000, 'b'), 'partially-filled 15000 3000 12000'],
      ],
    ],
    [
      'waits for the open, and expires unsent',
      { timeInForce: 'gtd', expireAtMs: 5 },
      [
        [{ kind: 'held', untilMs: 5 }, 'new 10000 0 10000'],
        [{ kind: 'released' }, 'pending-new 10000 0 10000'],
        [{ kind: 'ended', status: 'expired', reason: 'late' }, 'expired 10000 0 0'],
        [{ kind: 'released' }, { ignored: 'DUPLICATE' }],
      ],
    ],
    [
      'waits for the open, and is replaced and canceled unsent',
      gtc,
      [
        [{ kind: 'held', untilMs: 5 }, 'new 10000 0 10000'],
        [replace(12_000), 'new 12000 0 12000'],
        [cancel, 'canceled 12000 0 0'],
      ],
    ],
  ],
  'I, time in force': [
    [
      'I.1.a a fill-or-kill order that cannot be filled',
      fok,
      [
        [taken(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [done(0), 'canceled 10000 0 0'],
      ],
    ],
    [
      'I.1.b an immediate order that meets something, or nothing',
      ioc,
      [
        [taken(), 'pending-new 10000 0 10000'],
        [filled(1_000, 'a'), 'partially-filled 10000 1000 9000'],
        [done(1_000), 'canceled 10000 1000 0'],
      ],
    ],
  ],
  'J, execution cancels and corrects': [
    [
      'J.1.a a filled order, with corrections and a bust',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [filled(1_000, 'c', 100), 'partially-filled 10000 1000 9000'],
        [filled(9_000, 'd', 110), 'filled 10000 10000 0'],
        [done(10_000, 'filled'), 'filled 10000 10000 0'],
        [busted('c', 1_000, 100), 'partially-filled 10000 9000 1000'],
        [corrected('d', [9_000, 110], [9_000, 100]), 'partially-filled 10000 9000 1000'],
        [sent(1_000, 2), 'partially-filled 10000 9000 1000'],
        [filled(1_000, 'g', 120, 2), 'filled 10000 10000 0'],
        [done(1_000, 'filled', 2), 'filled 10000 10000 0'],
        [corrected('d', [9_000, 100], [9_000, 120]), 'filled 10000 10000 0'],
      ],
    ],
    [
      'J.1.a a trade of a filled immediate order is busted: it is not sent again',
      ioc,
      [
        [taken(), 'pending-new 10000 0 10000'],
        [filled(10_000, 'a'), 'filled 10000 10000 0'],
        [busted('a', 10_000), 'canceled 10000 0 0'],
      ],
    ],
    [
      'J.1.b a canceled order, a trade of which is busted',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [filled(5_000, 'a'), 'partially-filled 10000 5000 5000'],
        [cancel, 'pending-cancel 10000 5000 5000'],
        [done(5_000), 'canceled 10000 5000 0'],
        [busted('a', 5_000), 'canceled 10000 0 0'],
      ],
    ],
    [
      'J.1.c an open order, with corrections of quantity on both executions',
      gtc,
      [
        [sent(), 'pending-new 10000 0 10000'],
        [filled(2_000, 'b'), 'partially-filled 10000 2000 8000'],
        [says('done-for-day', 2_000), 'done-for-day 10000 2000 8000'],
        [says('partially-filled', 2_000), 'partially-filled 10000 2000 8000'],
        [filled(1_000, 'e'), 'partially-filled 10000 3000 7000'],
        [corrected('b', [2_000, 100], [1_500, 100]), 'partially-filled 10000 2500 7500'],
        [corrected('e', [1_000, 100], [500, 100]), 'partially-filled 10000 2000 8000'],
        [corrected('e', [500, 100], [900, 100]), 'partially-filled 10000 2400 7600'],
      ],
    ],
    [
      'a bust of what was never so much',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [filled(2_000, 'a'), 'partially-filled 10000 2000 8000'],
        [busted('b', 3_000), { ignored: 'TRADE_UNKNOWN' }],
        [corrected('a', [2_000, 100], [11_000, 100]), { ignored: 'LEG_OVERFILLED' }],
        [corrected('a', [2_000, 100], [2_000, 121]), { ignored: 'PRICE_WORSE_THAN_LIMIT' }],
      ],
    ],
    [
      'a trade of an ended leg grows, and the rest has gone elsewhere',
      {},
      [
        [taken(), 'pending-new 10000 0 10000'],
        [filled(2_000, 'a'), 'partially-filled 10000 2000 8000'],
        [done(2_000), 'partially-filled 10000 2000 8000'],
        [sent(8_000, 2), 'partially-filled 10000 2000 8000'],
        [corrected('a', [2_000, 100], [3_000, 100]), { ignored: 'CORRECTION_EXCEEDS' }],
        [busted('a', 2_000), 'pending-replace 10000 0 10000'],
      ],
    ],
  ],
  'K, trading halts': [
    [
      'K.1.a suspended, and reinstated',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [says('suspended'), 'suspended 10000 0 10000'],
        [says('new'), 'new 10000 0 10000'],
        [filled(2_000, 'a'), 'partially-filled 10000 2000 8000'],
      ],
    ],
    [
      'K.1.b suspended, and canceled',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [filled(2_000, 'a'), 'partially-filled 10000 2000 8000'],
        [says('suspended', 2_000), 'suspended 10000 2000 8000'],
        [done(2_000), 'canceled 10000 2000 0'],
      ],
    ],
  ],
};

testMatrices(matrices);
