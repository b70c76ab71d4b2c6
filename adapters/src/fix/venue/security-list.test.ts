import { describe, expect, it } from 'vitest';
import { TEST_INSTRUMENT } from '../../testing/test-instrument.ts';
import { fixMessage } from '../testing/fix-text.ts';
import { FixFields } from '../wire/fix-fields.ts';
import { SecurityList } from './security-list.ts';

/** A list over a session that notes what goes out, and hears what a test says. */
function listing(securityList: 'list' | 'definition' | undefined, answerTimeoutMs = 5_000) {
  const sent: string[] = [];
  const problems: string[] = [];
  const runner = {
    isUp: true,
    send: (msgType: string) => sent.push(msgType),
  };
  const list = new SecurityList({
    dialect: { securityList },
    ...{ symbols: new Map([['ACME', TEST_INSTRUMENT]]), runner, answerTimeoutMs },
    onProblem: (code) => problems.push(code),
  });
  const say = (text: string): boolean => {
    const bytes = fixMessage(text, 'FIX.4.4');
    const fields = new FixFields();
    fields.scan(bytes, 0, bytes.length);
    const msgType = fields.text(35) ?? '';
    return list.take({ fields, msgType });
  };
  return { list, runner, sent, problems, say };
}

const UNREAD = { outcome: 'refused', rejection: { code: 'LIST_UNREAD' } };

describe('a list of securities over FIX', () => {
  it('comes in parts, in whichever way its end is said', async () => {
    for (const ends of [
      ['893=N|', '893=Y|'],
      ['393=2|', '393=2|'],
    ]) {
      const { list, say, sent } = listing('list');
      const answer = list.ask();
      expect(say(`35=y|320=L1|560=0|${ends[0]}146=1|55=ACME|969=0.05|561=10|965=9`)).toBe(true);
      expect(say(`35=y|320=L1|560=0|${ends[1]}146=1|55=ELSE|22=4|48=US0378331005`)).toBe(true);
      const { id: instrument } = TEST_INSTRUMENT;
      expect(await answer).toEqual({
        outcome: 'told',
        listings: [
          { symbol: 'ACME', instrument, tickSize: '0.05', lotSize: '10', status: 'halted' },
          { symbol: 'ELSE', isin: 'US0378331005' },
        ],
        passedOver: 0,
      });
      expect(sent).toEqual(['x']);
    }
  });

  it.each([
    ['a group of other entries than announced', '35=y|320=L1|560=0|146=3|55=ACME'],
    ['more entries than fit', '35=y|320=L1|560=0|146=999999|55=ACME'],
    ['a result that is a refusal', '35=y|320=L1|560=3'],
    ['a business reject', '35=j|45=2|372=x|380=3'],
    ['a session reject', '35=3|45=2|372=x|373=11'],
  ])('is not known after %s, and the operator is told', async (_what, text) => {
    const { list, say, problems } = listing('list');
    const answer = list.ask();
    expect(say(text)).toBe(true);
    expect(await answer).toMatchObject(UNREAD);
    expect(problems).toEqual(['LIST_UNREAD']);
  });

  it('is not known without an answer, and may be asked for again', async () => {
    const { list, say } = listing('list', 20);
    expect(await list.ask()).toMatchObject(UNREAD);
    const again = list.ask();
    // What answers the request that was given up counts for nothing.
    say('35=y|320=L1|560=0|146=1|55=OLD');
    say('35=y|320=L2|560=2');
    expect(await again).toEqual({ outcome: 'told', listings: [], passedOver: 0 });
  });

  it('ends with the session', async () => {
    const { list, runner } = listing('list');
    const answer = list.ask();
    runner.isUp = false;
    list.lose();
    const notReady = { outcome: 'refused', rejection: { code: 'VENUE_NOT_READY' } };
    expect(await answer).toMatchObject(notReady);
    expect(await list.ask()).toMatchObject(notReady);
  });

  it('is asked for by symbol where the venue has no list, and nowhere where it has neither', async () => {
    const { list, say, sent } = listing('definition');
    const answer = list.ask();
    say('35=d|320=L1|322=a|323=6');
    expect(await answer).toEqual({ outcome: 'told', listings: [], passedOver: 0 });
    expect(sent).toEqual(['c']);
    const none = listing(undefined);
    expect(await none.list.ask()).toMatchObject({ rejection: { code: 'LIST_NOT_OFFERED' } });
    expect(none.sent).toEqual([]);
  });

  it('leaves to others what is theirs', () => {
    const { say } = listing('list');
    expect(say('35=j|45=2|372=D|379=1|380=3')).toBe(false);
    expect(say('35=8|11=1')).toBe(false);
  });
});
