import {
  accepted,
  cancel,
  cancelRejected,
  done,
  filled,
  type Matrices,
  rejected,
  replace,
  replaced,
  replaceRejected,
  says,
  sent,
  taken,
  testMatrices,
} from '../testing/state-matrices.ts';

const matrices: Matrices = {
  'A, vanilla': [
    [
      'A.1.a a filled order',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [filled(2_000, 'a'), 'partially-filled 10000 2000 8000'],
        [filled(1_000, 'b'), 'partially-filled 10000 3000 7000'],
        [filled(7_000, 'c'), 'filled 10000 10000 0'],
        [done(10_000, 'filled'), 'filled 10000 10000 0'],
      ],
    ],
    [
      'A.1.a a rejected order',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [rejected, 'rejected 10000 0 0'],
      ],
    ],
    [
      'A.1.b a part-filled day order, done for the day and expired with it',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [filled(2_000, 'a'), 'partially-filled 10000 2000 8000'],
        [says('done-for-day', 2_000), 'done-for-day 10000 2000 8000'],
        [done(2_000, 'expired'), 'expired 10000 2000 0'],
      ],
    ],
  ],
  'B, cancel': [
    [
      'B.1.a of a zero-filled order, rejected and then accepted',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [cancel, 'pending-cancel 10000 0 10000'],
        [cancelRejected, 'new 10000 0 10000'],
        [cancel, 'pending-cancel 10000 0 10000'],
        [done(0), 'canceled 10000 0 0'],
      ],
    ],
    [
      'B.1.b of a part-filled order, with executions while it is active',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [filled(2_000, 'a'), 'partially-filled 10000 2000 8000'],
        [cancel, 'pending-cancel 10000 2000 8000'],
        [filled(3_000, 'b'), 'pending-cancel 10000 5000 5000'],
        [done(5_000), 'canceled 10000 5000 0'],
      ],
    ],
    [
      'B.1.c of an order that is filled before it can be accepted',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [filled(2_000, 'a'), 'partially-filled 10000 2000 8000'],
        [cancel, 'pending-cancel 10000 2000 8000'],
        [filled(8_000, 'b'), 'filled 10000 10000 0'],
        [done(10_000, 'filled'), 'filled 10000 10000 0'],
        [cancelRejected, { ignored: 'LEG_ENDED' }],
      ],
    ],
    [
      'B.1.d of an order that is not acknowledged yet',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [cancel, 'pending-cancel 10000 0 10000'],
        [accepted, 'pending-cancel 10000 0 10000'],
        [done(0), 'canceled 10000 0 0'],
      ],
    ],
    [
      'B.1.e of an order whose rejection crosses it',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [cancel, 'pending-cancel 10000 0 10000'],
        [rejected, 'canceled 10000 0 0'],
      ],
    ],
    [
      'B.1.f of an order that is over',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [filled(10_000, 'a'), 'filled 10000 10000 0'],
        [cancel, { ignored: 'ORDER_ENDED' }],
      ],
    ],
    [
      'a fill that is told after the cancel that counted it',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [cancel, 'pending-cancel 10000 0 10000'],
        [done(2_000), 'pending-cancel 10000 0 10000'],
        [filled(2_000, 'a'), 'canceled 10000 2000 0'],
        [filled(2_000, 'b'), { ignored: 'LEG_OVERFILLED' }],
      ],
    ],
  ],
  'C, cancel and replace': [
    [
      'C.1.a a zero-filled order is raised',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [replace(11_000), 'pending-replace 10000 0 10000'],
        [replaced(11_000), 'new 11000 0 11000'],
        [filled(1_000, 'a'), 'partially-filled 11000 1000 10000'],
        [filled(10_000, 'b'), 'filled 11000 11000 0'],
      ],
    ],
    [
      'C.1.a a zero-filled order that is not raised',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [replace(11_000), 'pending-replace 10000 0 10000'],
        [replaceRejected(), 'new 10000 0 10000'],
      ],
    ],
    [
      'C.1.b a part-filled order is raised, with an execution meanwhile',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [filled(1_000, 'a'), 'partially-filled 10000 1000 9000'],
        [replace(12_000), 'pending-replace 10000 1000 9000'],
        [filled(100, 'b'), 'pending-replace 10000 1100 8900'],
        [replaced(12_000), 'partially-filled 12000 1100 10900'],
        [filled(10_900, 'c'), 'filled 12000 12000 0'],
      ],
    ],
    [
      'C.1.c an order is filled before it is raised: what is added is sent for itself',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [replace(12_000), 'pending-replace 10000 0 10000'],
        [filled(10_000, 'a'), 'pending-replace 10000 10000 0'],
        [done(10_000, 'filled'), 'partially-filled 12000 10000 2000'],
        [replaceRejected(), { ignored: 'DUPLICATE' }],
        [sent(2_000, 2), 'partially-filled 12000 10000 2000'],
        [filled(2_000, 'b', 100, 2), 'filled 12000 12000 0'],
      ],
    ],
    [
      'C.1.c a filled order is not raised any more',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [filled(10_000, 'a'), 'filled 10000 10000 0'],
        [replace(12_000), { ignored: 'ORDER_ENDED' }],
      ],
    ],
    [
      'C.2.a another price is refused, because a fill has occurred',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [replace(10_000, 110), 'pending-replace 10000 0 10000'],
        [filled(1_000, 'a'), 'pending-replace 10000 1000 9000'],
        [replaceRejected(), 'partially-filled 10000 1000 9000'],
      ],
    ],
    [
      'C.3.a an order is lowered, to more than was executed',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [replace(8_000), 'pending-replace 10000 0 10000'],
        [filled(7_000, 'a'), 'pending-replace 10000 7000 3000'],
        [replaced(8_000), 'partially-filled 8000 7000 1000'],
        [filled(1_000, 'b'), 'filled 8000 8000 0'],
      ],
    ],
    [
      'C.3.b an order is lowered to what was executed: filled goes before replaced',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [filled(7_000, 'a'), 'partially-filled 10000 7000 3000'],
        [replace(7_000), 'pending-replace 10000 7000 3000'],
        [done(7_000), 'filled 7000 7000 0'],
      ],
    ],
    [
      'C.3.c an order is lowered below what is executed meanwhile: to that, and not lower',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [replace(7_000), 'pending-replace 10000 0 10000'],
        [filled(8_000, 'a'), 'pending-replace 10000 8000 2000'],
        [replaced(8_000), 'filled 8000 8000 0'],
      ],
    ],
    [
      'below what was executed, and known to be',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [filled(8_000, 'a'), 'partially-filled 10000 8000 2000'],
        [replace(7_000), { ignored: 'REPLACE_BELOW_FILLED' }],
      ],
    ],
    [
      'while a cancel is pending',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [cancel, 'pending-cancel 10000 0 10000'],
        [replace(12_000), { ignored: 'CANCEL_PENDING' }],
      ],
    ],
    [
      'a cancel while a replacement is pending: the venue answers both in order',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [replace(12_000), 'pending-replace 10000 0 10000'],
        [cancel, 'pending-cancel 10000 0 10000'],
        [replaced(12_000), 'pending-cancel 12000 0 12000'],
        [done(0), 'canceled 12000 0 0'],
      ],
    ],
    [
      'what is in flight is left alone: the replacement waits for it',
      {},
      [
        [taken(), 'pending-new 10000 0 10000'],
        [replace(12_000), 'pending-replace 10000 0 10000'],
        [filled(6_000, 'a'), 'pending-replace 10000 6000 4000'],
        [done(6_000), 'partially-filled 12000 6000 6000'],
      ],
    ],
    [
      'a better limit that another venue meets: what rests comes back first',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [replace(10_000, 130, true), 'pending-replace 10000 0 10000'],
        [filled(1_000, 'a'), 'pending-replace 10000 1000 9000'],
        [done(1_000), 'partially-filled 10000 1000 9000'],
        [sent(9_000, 2, { limitPrice: 130 }), 'partially-filled 10000 1000 9000'],
        [filled(9_000, 'b', 130, 2), 'filled 10000 10000 0'],
      ],
    ],
    [
      'a better limit, and the venue does not give back what rests',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [replace(10_000, 130, true), 'pending-replace 10000 0 10000'],
        [cancelRejected, 'new 10000 0 10000'],
      ],
    ],
    [
      'a venue that cannot replace: canceled, and sent anew',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [replace(12_000), 'pending-replace 10000 0 10000'],
        [replaceRejected(1, 'REPLACE_NOT_SUPPORTED'), 'pending-replace 10000 0 10000'],
        [done(0), 'new 12000 0 12000'],
        [sent(12_000, 2), 'new 12000 0 12000'],
      ],
    ],
  ],
};

testMatrices(matrices);
