import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../seeded-random.ts';
import { fixField, fixMessage, fixText } from '../testing/fix-text.ts';
import { timestampText } from '../wire/utc-timestamp.ts';
import { FixSession, type SessionNumbers } from './fix-session.ts';
import { SESSION_LIMITS, type SessionSettings } from './session-settings.ts';

const BASE: SessionSettings = {
  role: 'acceptor',
  beginString: 'FIX.4.4',
  senderCompId: 'US',
  targetCompId: 'THEM',
  heartbeatSeconds: 30,
  resetOnLogon: false,
  maxClockSkewMs: 120_000,
  resendChunk: 0,
  logonFields: [],
};

/** A session with a peer that says what the test wants, and a clock that stands until it is moved. */
class Script {
  nowMs = Date.parse('2027-03-01T12:00:00Z');
  readonly kept = new Map<number, Buffer>();
  readonly out: string[] = [];
  readonly delivered: string[] = [];
  readonly notices: string[] = [];
  ended = 0;
  resets = 0;
  readonly session: FixSession;
  #seq = 1;

  readonly settings: SessionSettings;

  constructor(
    settings: SessionSettings = BASE,
    numbers: SessionNumbers = { nextOut: 1, nextIn: 1 },
    limits = SESSION_LIMITS,
  ) {
    this.settings = settings;
    this.session = new FixSession(settings, limits, numbers, {
      sent: { message: (seq) => this.kept.get(seq) },
      output: {
        send: ({ seq, bytes, kept, online }) => {
          if (kept) this.kept.set(seq, bytes);
          if (online) this.out.push(fixText(bytes));
        },
        repeat: (bytes) => this.out.push(fixText(bytes)),
        deliver: ({ fields, msgType, seq, possDup, possResend }) =>
          this.delivered.push(
            `${msgType}#${seq}#${fields.text(58) ?? ''}${possDup ? ' dup' : ''}${possResend ? ' resend' : ''}`,
          ),
        advanced: () => undefined,
        reset: () => {
          this.resets += 1;
        },
        established: () => undefined,
        pong: (id) => this.delivered.push(`pong#${id}`),
        end: () => {
          this.ended += 1;
        },
        notice: ({ code, text }) => this.notices.push(`${code} ${text}`),
      },
    });
  }

  /** Logged on, and what was said about it forgotten. */
  up(): this {
    this.session.connected(this.nowMs);
    this.say('A', '98=0|108=30');
    this.out.length = 0;
    return this;
  }

  raw(body: string, beginString = this.settings.beginString): void {
    const bytes = fixMessage(body, beginString);
    this.session.receive(bytes, 0, bytes.length, this.nowMs);
  }

  /** The peer's next message, or one under a number of the test's choice. */
  say(msgType: string, body = '', seq = this.#seq, header = ''): void {
    if (seq === this.#seq) this.#seq += 1;
    const time = timestampText(this.nowMs);
    const rest = [header, body].filter((part) => part !== '').join('|');
    this.raw(`35=${msgType}|49=THEM|56=US|34=${seq}|52=${time}${rest === '' ? '' : `|${rest}`}`);
  }

  pass(ms: number): void {
    this.nowMs += ms;
    this.session.tick(this.nowMs);
  }

  /** What was sent since the last look: types, or `type:field`. */
  sent(...tags: number[]): string[] {
    const said = this.out.map((one) =>
      [fixField(one, 35), ...tags.map((tag) => fixField(one, tag))].join(' '),
    );
    this.out.length = 0;
    return said;
  }
}

const dupHeader = (atMs: number): string => `43=Y|122=${timestampText(atMs)}`;

describe('logging on', () => {
  it('answers a Logon with the peer’s heartbeat, and takes its place in the numbers', () => {
    const script = new Script();
    script.session.connected(script.nowMs);
    script.say('A', '98=0|108=17');
    expect(script.sent(34, 98, 108)).toEqual(['A 1 0 17']);
    expect(script.session.phase).toBe('up');
    script.pass(17_000);
    expect(script.sent()).toEqual(['0']);
  });

  it('says Logon first as an initiator, with user, password, version and what the venue wants', () => {
    const script = new Script({
      ...BASE,
      ...{ role: 'initiator', beginString: 'FIXT.1.1', defaultApplVerId: '9' },
      ...{ username: 'u', password: 'p', logonFields: [[9001, 'x']] },
    });
    script.session.connected(script.nowMs);
    expect(script.sent(34, 49, 56, 553, 554, 1137, 9001)).toEqual(['A 1 US THEM u p 9 x']);
    script.say('A', '98=0|108=30|1137=9');
    expect(script.session.phase).toBe('up');
  });

  it('ends where the first message is no Logon, and says what the peer said', () => {
    const script = new Script({ ...BASE, role: 'initiator' });
    script.session.connected(script.nowMs);
    script.say('5', '58=wrong password');
    expect(script.ended).toBe(1);
    expect(script.notices).toEqual(['LOGON_REFUSED The peer refused the logon: wrong password']);
  });

  it('tells nothing to who says a company that is none', () => {
    const script = new Script();
    script.session.connected(script.nowMs);
    script.raw(`35=A|49=OTHER|56=US|34=1|52=${timestampText(script.nowMs)}|98=0|108=30`);
    expect(script.out).toEqual([]);
    expect(script.ended).toBe(1);
  });

  it.each([
    ['without a heartbeat interval', '98=0', 'HeartBtInt'],
    ['with a negative one', '98=0|108=-1', 'HeartBtInt'],
    ['with encryption', '98=1|108=30', 'EncryptMethod'],
  ])('refuses a Logon %s', (_about, body, text) => {
    const script = new Script();
    script.session.connected(script.nowMs);
    script.say('A', body);
    expect(script.sent(58)[0]).toContain(`5 ${text}`);
    expect(script.ended).toBe(1);
  });

  it('gives up a Logon that nobody answers', () => {
    const script = new Script({ ...BASE, role: 'initiator' });
    script.session.connected(script.nowMs);
    script.pass(9_999);
    expect(script.ended).toBe(0);
    script.pass(1);
    expect(script.ended).toBe(1);
  });

  it('refuses a second Logon within a session', () => {
    const script = new Script().up();
    script.say('A', '98=0|108=30');
    expect(script.sent(58)).toEqual(['5 Already logged on']);
    expect(script.ended).toBe(1);
  });

  it('resets both numbers when the peer asks, as an acceptor', () => {
    const script = new Script(BASE, { nextOut: 40, nextIn: 50 });
    script.session.connected(script.nowMs);
    script.say('A', '98=0|108=30|141=Y', 1);
    expect(script.sent(34, 141)).toEqual(['A 1 Y']);
    expect([script.session.nextOut, script.session.nextIn, script.resets]).toEqual([2, 2, 1]);
  });

  it('resets both numbers at each logon where that is agreed, and else never unasked', () => {
    const agreed = new Script(
      { ...BASE, role: 'initiator', resetOnLogon: true },
      { nextOut: 40, nextIn: 50 },
    );
    agreed.session.connected(agreed.nowMs);
    expect(agreed.sent(34, 141)).toEqual(['A 1 Y']);
    agreed.say('A', '98=0|108=30|141=Y');
    expect(agreed.session.nextIn).toBe(2);

    const not = new Script({ ...BASE, role: 'initiator' }, { nextOut: 40, nextIn: 50 });
    not.session.connected(not.nowMs);
    not.say('A', '98=0|108=30|141=Y', 1);
    expect(not.ended).toBe(1);
    expect(not.session.nextIn).toBe(50);
    expect(not.notices[0]).toContain('SEQUENCE_RESET');
  });

  it('answers a Logon whose number is too high, then asks for what is missing', () => {
    const script = new Script(BASE, { nextOut: 3, nextIn: 5 });
    script.session.connected(script.nowMs);
    script.say('A', '98=0|108=30', 9);
    expect(script.sent(7, 16)).toEqual(['A  ', '2 5 8']);
  });

  it('ends a Logon whose number is too low', () => {
    const script = new Script(BASE, { nextOut: 3, nextIn: 5 });
    script.session.connected(script.nowMs);
    script.say('A', '98=0|108=30', 4);
    expect(script.sent(58)).toEqual(['5 MsgSeqNum too low, expecting 5 but received 4']);
    expect(script.ended).toBe(1);
  });
});

describe('numbers', () => {
  it('deliver what comes in turn, once', () => {
    const script = new Script().up();
    script.say('8', '58=a');
    script.say('8', '58=b');
    expect(script.delivered).toEqual(['8#2#a', '8#3#b']);
    expect(script.session.nextIn).toBe(4);
  });

  it('ask for a gap, keep what is behind it, and deliver all in order', () => {
    const script = new Script().up();
    script.say('8', '58=d', 5);
    script.say('8', '58=e', 6);
    expect(script.sent(7, 16)).toEqual(['2 2 4']);
    for (const seq of [2, 3, 4]) script.say('8', `58=${seq}`, seq, dupHeader(script.nowMs));
    expect(script.delivered).toEqual(['8#2#2 dup', '8#3#3 dup', '8#4#4 dup', '8#5#d', '8#6#e']);
    expect(script.sent()).toEqual([]);
  });

  it('ask for a large gap in chunks', () => {
    const script = new Script({ ...BASE, resendChunk: 2 }).up();
    script.say('8', '58=z', 7);
    expect(script.sent(7, 16)).toEqual(['2 2 3']);
    script.say('4', '123=Y|36=4', 2, dupHeader(script.nowMs));
    expect(script.sent(7, 16)).toEqual(['2 4 5']);
    script.say('4', '123=Y|36=6', 4, dupHeader(script.nowMs));
    script.say('8', '58=y', 6, dupHeader(script.nowMs));
    expect(script.sent(7, 16)).toEqual(['2 6 6']);
    expect(script.delivered).toEqual(['8#6#y dup', '8#7#z']);
  });

  it('ask again for a gap that is not filled, and end the session after the third time', () => {
    const script = new Script().up();
    script.say('8', '58=z', 3);
    script.sent();
    for (let time = 0; time < 2; time += 1) {
      script.pass(10_000);
      expect(script.sent(7, 16)).toContain('2 2 2');
      script.say('0', '', 4 + time);
    }
    script.pass(10_000);
    expect(script.ended).toBe(1);
    expect(script.notices.at(-1)).toContain('SEQUENCE_GAP');
  });

  it('ask for what a second gap left, when the first is filled', () => {
    const script = new Script(BASE, { nextOut: 3, nextIn: 5 });
    script.session.connected(script.nowMs);
    script.say('A', '98=0|108=30', 7);
    script.say('8', '58=b', 8);
    script.say('8', '58=d', 10);
    expect(script.sent(7, 16)).toEqual(['A  ', '2 5 6']);
    script.say('4', '123=Y|36=7', 5, dupHeader(script.nowMs));
    // The Logon was 7, and is not asked for again.
    expect(script.delivered).toEqual(['8#8#b']);
    expect(script.sent(7, 16)).toEqual(['2 9 9']);
  });

  it('drop what has no room behind a gap, and ask for it once the gap is filled', () => {
    const limits = { ...SESSION_LIMITS, maxQueuedMessages: 2 };
    const script = new Script(BASE, undefined, limits).up();
    for (let seq = 3; seq <= 6; seq += 1) script.say('8', `58=${seq}`, seq);
    script.sent();
    script.say('8', '58=2', 2, dupHeader(script.nowMs));
    expect(script.delivered).toEqual(['8#2#2 dup', '8#3#3', '8#4#4']);
    script.say('8', '58=7', 7);
    expect(script.sent(7, 16)).toEqual(['2 5 6']);
  });

  it('too low end the session, unless it is a possible duplicate', () => {
    const script = new Script().up();
    script.say('8', '58=a');
    script.say('8', '58=a', 2, dupHeader(script.nowMs));
    expect(script.delivered).toEqual(['8#2#a']);
    expect(script.ended).toBe(0);
    script.say('8', '58=a', 2);
    expect(script.sent(58)).toEqual(['5 MsgSeqNum too low, expecting 3 but received 2']);
    expect(script.ended).toBe(1);
  });

  it('pass on that content may have come before under another number', () => {
    const script = new Script().up();
    script.say('8', '58=a', undefined, '97=Y');
    expect(script.delivered).toEqual(['8#2#a resend']);
  });

  it('missing end the session', () => {
    const script = new Script().up();
    script.raw(`35=8|49=THEM|56=US|52=${timestampText(script.nowMs)}`);
    expect(script.sent(58)).toEqual(['5 Required tag missing: MsgSeqNum']);
    expect(script.ended).toBe(1);
  });
});

describe('sequence resets', () => {
  it('fill a gap in turn, and skip what they skip', () => {
    const script = new Script().up();
    script.say('4', '123=Y|36=10', 2);
    expect(script.session.nextIn).toBe(10);
    script.say('8', '58=a', 10);
    expect(script.delivered).toEqual(['8#10#a']);
  });

  it('that fill a gap out of turn wait for it, or are ignored as duplicates, or end the session', () => {
    const script = new Script().up();
    script.say('4', '123=Y|36=10', 5, dupHeader(script.nowMs));
    expect(script.sent(7, 16)).toEqual(['2 2 4']);
    script.say('4', '123=Y|36=5', 2, dupHeader(script.nowMs));
    expect(script.session.nextIn).toBe(10);
    script.say('4', '123=Y|36=10', 2, dupHeader(script.nowMs));
    expect(script.ended).toBe(0);
    script.say('4', '123=Y|36=20', 2);
    expect(script.ended).toBe(1);
  });

  it('never lower a number', () => {
    const script = new Script().up();
    script.say('8');
    script.say('8');
    script.say('4', '36=2', 77);
    expect(script.sent(373, 371)).toEqual(['3 5 36']);
    expect(script.session.nextIn).toBe(4);
    script.say('4', '123=Y|36=4', 4);
    expect(script.sent(373)).toEqual(['3 5']);
  });

  it('in reset mode set the number, whatever their own', () => {
    const script = new Script().up();
    script.say('4', '36=50', 3);
    expect(script.session.nextIn).toBe(50);
    script.say('4', '123=N|36=60', 99);
    expect(script.session.nextIn).toBe(60);
    script.say('4', '', 60);
    expect(script.sent(373, 371)).toEqual(['3 1 36']);
  });
});

describe('a number that is skipped to', () => {
  it('is told to the peer, and never lower', () => {
    const script = new Script().up();
    script.session.skipTo(50, script.nowMs);
    script.session.skipTo(10, script.nowMs);
    expect(script.sent(36, 123)).toEqual(['4 50 N']);
    expect(script.session.nextOut).toBe(50);
  });
});

describe('repeating what was sent', () => {
  function withSent(): Script {
    const script = new Script().up();
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
    const script = new Script().up();
    script.session.disconnected(script.nowMs);
    script.session.send('8', script.nowMs, (writer) => writer.text(58, 'meanwhile'));
    expect(script.out).toEqual([]);
    script.session.connected(script.nowMs);
    script.say('A', '98=0|108=30');
    expect(script.sent(34)).toEqual(['A 3', '1 4']);
    script.say('2', '7=2|16=0');
    expect(script.sent(34, 58, 36)).toEqual(['8 2 meanwhile ', '4 3  5']);
  });

  it('repeats a great many in parts', () => {
    const script = new Script().up();
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
    const script = new Script().up();
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
    const script = new Script().up();
    script.session.ping(script.nowMs, 'here');
    expect(script.sent(112)).toEqual(['1 here']);
    script.say('0', '112=here', 3);
    expect(script.delivered).toEqual([]);
    script.say('8', '58=a', 2, dupHeader(script.nowMs));
    expect(script.delivered).toEqual(['8#2#a dup', 'pong#here']);
  });

  it('are answered with the peer’s own id', () => {
    const script = new Script().up();
    script.say('1', '112=are you there');
    expect(script.sent(112)).toEqual(['0 are you there']);
    script.say('1');
    expect(script.sent(373, 371)).toEqual(['3 1 112']);
  });
});

describe('what is refused', () => {
  it('a wrong company: Reject, Logout and the end', () => {
    const script = new Script().up();
    script.raw(`35=8|49=OTHER|56=US|34=2|52=${timestampText(script.nowMs)}`);
    expect(script.sent(373, 58)).toEqual(['3 9 CompID problem', '5  CompID problem']);
    expect(script.ended).toBe(1);
  });

  it('a wrong begin string: Logout and the end', () => {
    const script = new Script().up();
    script.raw(`35=8|49=THEM|56=US|34=2|52=${timestampText(script.nowMs)}`, 'FIX.4.2');
    expect(script.sent(58)).toEqual(['5 Incorrect BeginString']);
    expect(script.ended).toBe(1);
  });

  it.each([-121_000, 121_000])('a clock that is %d ms off: Reject, Logout and the end', (skew) => {
    const script = new Script().up();
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
    const script = new Script().up();
    script.raw(text.replace('NOW', timestampText(script.nowMs)));
    expect(script.sent(373, 371)).toEqual([answer]);
    expect(script.delivered).toEqual([]);
    expect(script.ended).toBe(0);
    expect(script.session.nextIn).toBe(3);
  });

  it('a duplicate that was first sent after it was repeated: Reject, Logout and the end', () => {
    const script = new Script().up();
    script.say('8', '', 2, dupHeader(script.nowMs + 1));
    expect(script.sent(373, 371)).toEqual(['3 10 122', '5  ']);
  });
});

describe('logging out', () => {
  it('answers, and ends', () => {
    const script = new Script().up();
    script.say('5', '58=good night');
    expect(script.sent()).toEqual(['5']);
    expect(script.ended).toBe(1);
    expect(script.session.nextIn).toBe(3);
  });

  it('waits for the answer, but not for ever; what comes meanwhile still counts', () => {
    const script = new Script().up();
    script.session.logout(script.nowMs, 'bye');
    expect(script.sent(58)).toEqual(['5 bye']);
    script.say('8', '58=late');
    expect(script.delivered).toEqual(['8#2#late']);
    script.say('5');
    expect(script.ended).toBe(1);
    expect(script.sent()).toEqual([]);

    const alone = new Script().up();
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
      const script = new Script().up();
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
