import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../seeded-random.ts';
import { BASE, dupHeader, SessionScript } from '../testing/session-script.ts';
import { timestampText } from '../wire/utc-timestamp.ts';

describe('a number that is skipped to', () => {
  it('is told to the peer, and never lower', () => {
    const script = new SessionScript().up();
    script.session.skipTo(50, script.nowMs);
    script.session.skipTo(10, script.nowMs);
    expect(script.sent(36, 123)).toEqual(['4 50 N']);
    expect(script.session.nextOut).toBe(50);
  });
});

describe('repeating what was sent', () => {
  function withSent(): SessionScript {
    const script = new SessionScript().up();
    for (const text of ['a', 'b']) {
      script.session.send('D', script.nowMs, (writer) => writer.text(58, text));
    }
    script.say('1', '112=x');
    script.session.send('D', script.nowMs, (writer) => writer.text(58, 'c'));
    script.out.length = 0;
    script.nowMs += 1_000;
    return script;
  }

  it('repeats applications’ messages as possible duplicates and fills over the rest', () => {
    const script = withSent();
    const sentAt = timestampText(script.nowMs - 1_000);
    script.say('2', '7=1|16=0');
    expect(script.sent(34, 43, 36, 58, 122)).toEqual([
      `4 1 Y 2  ${timestampText(script.nowMs)}`,
      `D 2 Y  a ${sentAt}`,
      `D 3 Y  b ${sentAt}`,
      `4 4 Y 5  ${timestampText(script.nowMs)}`,
      `D 5 Y  c ${sentAt}`,
    ]);
    expect(script.session.nextOut).toBe(6);
  });

  it('repeats a range, and no more than there is', () => {
    const script = withSent();
    script.say('2', '7=3|16=4');
    expect(script.sent(34, 36)).toEqual(['D 3 ', '4 4 5']);
    script.say('2', '7=5|16=999');
    expect(script.sent(34)).toEqual(['D 5']);
  });

  it.each(['7=0|16=0', '7=6|16=0', '7=3|16=2', '16=0', '7=x|16=0'])('refuses %s', (range) => {
    const script = withSent();
    script.say('2', range);
    expect(script.sent(373)).toEqual(['3 5']);
    expect(script.ended).toBe(0);
  });

  it('answers also when messages before the request are missing, and asks for them', () => {
    const script = withSent();
    script.say('2', '7=5|16=0', 9);
    expect(script.sent(34, 7, 16).map((one) => one.slice(0, 1))).toEqual(['2', 'D']);
  });

  it('sends what was said while the session was down when the peer misses it', () => {
    const script = new SessionScript().up();
    script.session.disconnected(script.nowMs);
    script.session.send('8', script.nowMs, (writer) => writer.text(58, 'meanwhile'));
    expect(script.out).toEqual([]);
    script.session.connected(script.nowMs);
    script.say('A', '98=0|108=30');
    expect(script.sent(34)).toEqual(['A 3', '1 4']);
    script.say('2', '7=2|16=0');
    expect(script.sent(34, 58, 36)).toEqual(['8 2 meanwhile ', '4 3  5']);
  });

  it('fills over what is too old to be sent again, and says so', () => {
    const script = new SessionScript({ ...BASE, maxResendAgeMs: 30_000 }).up();
    script.session.send('D', script.nowMs, (writer) => writer.text(58, 'old'));
    script.pass(20_000);
    script.session.send('D', script.nowMs, (writer) => writer.text(58, 'young'));
    script.pass(10_001);
    script.out.length = 0;
    script.say('2', '7=1|16=0');
    // 1 to 2: the logon and the old one; 3 is repeated.
    expect(script.sent(34, 36, 43, 58).slice(0, 2)).toEqual(['4 1 3 Y ', 'D 3  Y young']);
    expect(script.withheld).toEqual([2]);
  });

  it('repeats a great many in parts', () => {
    const script = new SessionScript().up();
    for (let one = 0; one < 1_200; one += 1) {
      script.session.send('D', script.nowMs, (writer) => writer.int(38, one));
    }
    script.out.length = 0;
    script.say('2', '7=2|16=0');
    expect(script.sent()).toHaveLength(500);
    while (script.session.isResending) script.session.continueResend(script.nowMs);
    expect(script.sent()).toHaveLength(700);
  });
});

describe('signs of life', () => {
  it('are given every interval, and asked for when none comes', () => {
    const script = new SessionScript().up();
    script.pass(29_999);
    expect(script.sent()).toEqual([]);
    script.pass(1);
    expect(script.sent()).toEqual(['0']);
    script.pass(6_000);
    expect(script.sent(112)[0]).toMatch(/^1 \d+/);
    script.say('8', '58=alive');
    expect(script.delivered).toEqual(['8#2#alive']);
    script.pass(30_000);
    script.pass(6_000);
    script.out.length = 0;
    script.pass(36_000);
    expect(script.ended).toBe(1);
    expect(script.notices.at(-1)).toContain('HEARTBEAT_LOST');
  });

  it('tell when the peer has come to a point, after all it said before', () => {
    const script = new SessionScript().up();
    script.session.ping(script.nowMs, 'here');
    expect(script.sent(112)).toEqual(['1 here']);
    script.say('0', '112=here', 3);
    expect(script.delivered).toEqual([]);
    script.say('8', '58=a', 2, dupHeader(script.nowMs));
    expect(script.delivered).toEqual(['8#2#a dup', 'pong#here']);
  });

  it('are answered with the peer’s own id', () => {
    const script = new SessionScript().up();
    script.say('1', '112=are you there');
    expect(script.sent(112)).toEqual(['0 are you there']);
    script.say('1');
    expect(script.sent(373, 371)).toEqual(['3 1 112']);
  });
});

describe('what is refused', () => {
  it('a wrong company: Reject, Logout and the end', () => {
    const script = new SessionScript().up();
    script.raw(`35=8|49=OTHER|56=US|34=2|52=${timestampText(script.nowMs)}`);
    expect(script.sent(373, 58)).toEqual(['3 9 CompID problem', '5  CompID problem']);
    expect(script.ended).toBe(1);
  });

  it('a wrong begin string: Logout and the end', () => {
    const script = new SessionScript().up();
    script.raw(`35=8|49=THEM|56=US|34=2|52=${timestampText(script.nowMs)}`, 'FIX.4.2');
    expect(script.sent(58)).toEqual(['5 Incorrect BeginString']);
    expect(script.ended).toBe(1);
  });

  it.each([-121_000, 121_000])('a clock that is %d ms off: Reject, Logout and the end', (skew) => {
    const script = new SessionScript().up();
    script.raw(`35=8|49=THEM|56=US|34=2|52=${timestampText(script.nowMs + skew)}`);
    expect(script.sent(373)).toEqual(['3 10', '5 ']);
    expect(script.ended).toBe(1);
    expect(script.notices.at(-1)).toContain('CLOCK_SKEW');
  });

  it.each([
    ['no sending time', '35=8|49=THEM|56=US|34=2', '3 1 52'],
    ['a sending time that is none', '35=8|49=THEM|56=US|34=2|52=yesterday', '3 6 52'],
    ['a duplicate without its first time', '35=8|49=THEM|56=US|34=2|52=NOW|43=Y', '3 1 122'],
    ['a tag without a value', '35=8|49=THEM|56=US|34=2|52=NOW|55=', '3 4 55'],
    ['a tag that is no number', '35=8|49=THEM|56=US|34=2|52=NOW|x=1', '3 0 '],
  ])('%s: Reject, and the session goes on', (_about, text, answer) => {
    const script = new SessionScript().up();
    script.raw(text.replace('NOW', timestampText(script.nowMs)));
    expect(script.sent(373, 371)).toEqual([answer]);
    expect(script.delivered).toEqual([]);
    expect(script.ended).toBe(0);
    expect(script.session.nextIn).toBe(3);
  });

  it('nothing by the peer’s own Reject: it counts, the operator reads it, and the session goes on', () => {
    const script = new SessionScript().up();
    script.say('3', '45=1|372=A|373=5|58=I do not like it');
    expect(script.notices).toEqual(['REJECTED_BY_PEER Message 1: I do not like it']);
    script.say('8', '58=next');
    expect(script.delivered.at(-1)).toBe('8#3#next');
    expect(script.sent()).toEqual([]);
  });

  it('a duplicate that was first sent after it was repeated: Reject, Logout and the end', () => {
    const script = new SessionScript().up();
    script.say('8', '', 2, dupHeader(script.nowMs + 1));
    expect(script.sent(373, 371)).toEqual(['3 10 122', '5  ']);
  });
});

describe('logging out', () => {
  it('answers, and ends', () => {
    const script = new SessionScript().up();
    script.say('5', '58=good night');
    expect(script.sent()).toEqual(['5']);
    expect(script.ended).toBe(1);
    expect(script.session.nextIn).toBe(3);
  });

  it('waits for the answer, but not for ever; what comes meanwhile still counts', () => {
    const script = new SessionScript().up();
    script.session.logout(script.nowMs, 'bye');
    expect(script.sent(58)).toEqual(['5 bye']);
    script.say('8', '58=late');
    expect(script.delivered).toEqual(['8#2#late']);
    script.say('5');
    expect(script.ended).toBe(1);
    expect(script.sent()).toEqual([]);

    const alone = new SessionScript().up();
    alone.session.logout(alone.nowMs);
    alone.pass(2_000);
    expect(alone.ended).toBe(1);
  });
});

describe('a session under noise', () => {
  it('never throws, delivers every number at most once and in order', () => {
    const random = seededRandom(77);
    const types = ['0', '1', '2', '3', '4', '5', '8', 'A', 'D', 'zz', ''];
    const bodies = ['', '36=3', '123=Y|36=9', '7=1|16=0', '112=x', '58=t', '43=Y|122=NOW', '141=Y'];
    for (let round = 0; round < 300; round += 1) {
      const script = new SessionScript().up();
      for (let step = 0; step < 40; step += 1) {
        const seq = script.session.nextIn + random.pick([0, 0, 0, 0, 1, 2, -1, 5]);
        const body = random.pick(bodies).replace('NOW', timestampText(script.nowMs));
        script.say(random.pick(types), body, seq);
        if (random.between(0, 9) === 0) script.pass(random.between(0, 40_000));
        if (script.ended > 0) break;
      }
      const numbers = script.delivered.map((one) => Number(one.split('#')[1]));
      expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
      expect(script.ended).toBeLessThanOrEqual(1);
    }
  });
});
