import {
  accepted,
  filled,
  type Matrices,
  type Row,
  replace,
  replaced,
  replaceRejected,
  sent,
  testMatrices,
} from '../testing/state-matrices.ts';

const matrices: Matrices = {
  'D, sequences of replacements': [
    [
      'D.1.a one is accepted, and then another',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [replace(8_000), 'pending-replace 10000 0 10000'],
        [replaced(8_000), 'new 8000 0 8000'],
        [filled(1_000, 'a'), 'partially-filled 8000 1000 7000'],
        [replace(6_000), 'pending-replace 8000 1000 7000'],
        [replaced(6_000, 2), 'partially-filled 6000 1000 5000'],
        [filled(5_000, 'b'), 'filled 6000 6000 0'],
      ],
    ],
    [
      'D.1.b one is refused before it is pending, and then another accepted',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [filled(1_000, 'a'), 'partially-filled 10000 1000 9000'],
        [replace(500), { ignored: 'REPLACE_BELOW_FILLED' }],
        [replace(8_000), 'pending-replace 10000 1000 9000'],
        [replaced(8_000), 'partially-filled 8000 1000 7000'],
        [filled(7_000, 'b'), 'filled 8000 8000 0'],
      ],
    ],
    [
      'D.1.c one is rejected, and then another accepted',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [replace(8_000), 'pending-replace 10000 0 10000'],
        [replaceRejected(), 'new 10000 0 10000'],
        [replace(7_000), 'pending-replace 10000 0 10000'],
        [replaced(7_000, 2), 'new 7000 0 7000'],
      ],
    ],
    [
      'D.2.a one follows at once on another: one after the other',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [replace(8_000), 'pending-replace 10000 0 10000'],
        [replace(6_000), 'pending-replace 10000 0 10000'],
        [replaced(8_000), 'pending-replace 8000 0 8000'],
        [filled(1_000, 'a'), 'pending-replace 8000 1000 7000'],
        [replaced(6_000, 2), 'partially-filled 6000 1000 5000'],
      ],
    ],
    [
      'D.2.b both are pending before one is answered, with executions between',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [filled(1_000, 'a'), 'partially-filled 10000 1000 9000'],
        [replace(8_000), 'pending-replace 10000 1000 9000'],
        [replace(6_000), 'pending-replace 10000 1000 9000'],
        [filled(500, 'b'), 'pending-replace 10000 1500 8500'],
        [replaced(8_000), 'pending-replace 8000 1500 6500'],
        [filled(100, 'c'), 'pending-replace 8000 1600 6400'],
        [replaced(6_000, 2), 'partially-filled 6000 1600 4400'],
        [filled(4_400, 'd'), 'filled 6000 6000 0'],
      ],
    ],
    [
      'D.2.c two at once, both rejected',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        [accepted, 'new 10000 0 10000'],
        [replace(8_000), 'pending-replace 10000 0 10000'],
        [replace(6_000), 'pending-replace 10000 0 10000'],
        [replaceRejected(), 'pending-replace 10000 0 10000'],
        [replaceRejected(2), 'new 10000 0 10000'],
      ],
    ],
    [
      'D.2.d so many at once that one is refused',
      {},
      [
        [sent(), 'pending-new 10000 0 10000'],
        ...Array.from({ length: 16 }, (_, index): Row => {
          return [replace(9_000 - index), 'pending-replace 10000 0 10000'];
        }),
        [replace(5_000), { ignored: 'REPLACE_PENDING' }],
      ],
    ],
  ],
};

testMatrices(matrices);
