import { expect } from 'vitest';
import type { KitCase } from './kit-case.ts';
import type { VenueBench } from './venue-bench.ts';

export const tradeChangeCases: readonly KitCase[] = [
  {
    about: 'undoes a trade of an open order, which has the quantity again',
    covers: [22],
    drivers: ['bust'],
    run: async (bench, drive) => {
      await bench.start();
      const { lotSize } = bench.venue.instrument;
      await bench.enter('a', 'buy', 3, 100);
      await bench.enter('hit', 'sell', 1, 100);
      const executionId = await onlyExecution(bench);
      await drive.bust(executionId);
      await bench.sink.until(
        (event) => event.kind === 'busted' && event.executionId === executionId,
        'the trade busted',
      );
      await bench.send('status', 'a');
      expect(await bench.sink.told('a', 'order-status')).toMatchObject({
        status: 'new',
        filled: 0,
      });
      await bench.enter('again', 'sell', 3, 100);
      expect(await bench.sink.done('a')).toMatchObject({ state: 'filled', filled: 3 * lotSize });
    },
  },
  {
    about: 'undoes a trade of orders that were filled, which stay done',
    covers: [24],
    drivers: ['bust'],
    run: async (bench, drive) => {
      await bench.start();
      await bench.enter('a', 'buy', 1, 100);
      await bench.enter('hit', 'sell', 1, 100);
      const executionId = await onlyExecution(bench);
      await drive.bust(executionId);
      await bench.sink.until((event) => event.kind === 'busted', 'the trade busted');
      await bench.send('status', 'a');
      expect(await bench.sink.told('a', 'order-status')).toMatchObject({ filled: 0 });
      await bench.enterImmediate('probe', 'sell', 1, 100);
      expect(await bench.sink.done('probe')).toMatchObject({ state: 'canceled', filled: 0 });
    },
  },
  {
    about: 'corrects a trade under its own id and number',
    covers: [23],
    drivers: ['correct'],
    run: async (bench, drive) => {
      await bench.start();
      const { lotSize, tickSize } = bench.venue.instrument;
      await bench.enter('a', 'buy', 4, 100);
      await bench.enter('hit', 'sell', 2, 100);
      const executionId = await onlyExecution(bench);
      const to = { price: 99 * tickSize, quantity: lotSize };
      await drive.correct(executionId, to);
      const corrected = await bench.sink.until(
        (event) => event.kind === 'corrected' && event.execution.executionId === executionId,
        'the trade corrected',
      );
      expect(corrected).toMatchObject({
        execution: {
          ...to,
          executionId,
          tradeNumber: 1,
        },
      });
      await bench.send('status', 'a');
      expect(await bench.sink.told('a', 'order-status')).toMatchObject({ filled: lotSize });
    },
  },
];

async function onlyExecution(bench: VenueBench): Promise<string> {
  await bench.sink.until((event) => event.kind === 'executed', 'a trade');
  return bench.sink.of('executed')[0]?.execution.executionId ?? '';
}
