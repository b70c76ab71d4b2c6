import { describe, expect, it } from 'vitest';
import { BASE, dupHeader, SessionScript } from '../testing/session-script.ts';
import { timestampText } from '../wire/utc-timestamp.ts';
import { SESSION_LIMITS } from './session-settings.ts';

describe('logging on', () => {
  it('answers a Logon with the peer’s heartbeat, and takes its place in the numbers', () => {
    const script = new SessionScript();
    script.session.connected(script.nowMs);
    script.say('A', '98=0|108=17');
    expect(script.sent(34, 98, 108)).toEqual(['A 1 0 17']);
    expect(script.session.phase).toBe('up');
    script.pass(17_000);
    expect(script.sent()).toEqual(['0']);
  });

  it('says Logon first as an initiator, with user, password, version and what the venue wants', () => {
    const script = new SessionScript({
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
    const script = new SessionScript({ ...BASE, role: 'initiator' });
    script.session.connected(script.nowMs);
    script.say('5', '58=wrong password');
    expect(script.ended).toBe(1);
    expect(script.notices).toEqual(['LOGON_REFUSED The peer refused the logon: wrong password']);
  });

  it('tells nothing to who says a company that is none', () => {
    const script = new SessionScript();
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
    const script = new SessionScript();
    script.session.connected(script.nowMs);
    script.say('A', body);
    expect(script.sent(58)[0]).toContain(`5 ${text}`);
    expect(script.ended).toBe(1);
  });

  it('gives up a Logon that nobody answers', () => {
    const script = new SessionScript({ ...BASE, role: 'initiator' });
    script.session.connected(script.nowMs);
    script.pass(9_999);
    expect(script.ended).toBe(0);
    script.pass(1);
    expect(script.ended).toBe(1);
  });

  it('refuses a second Logon within a session', () => {
    const script = new SessionScript().up();
    script.say('A', '98=0|108=30');
    expect(script.sent(58)).toEqual(['5 Already logged on']);
    expect(script.ended).toBe(1);
  });

  it('resets both numbers when the peer asks, as an acceptor', () => {
    const script = new SessionScript(BASE, { nextOut: 40, nextIn: 50 });
    script.session.connected(script.nowMs);
    script.say('A', '98=0|108=30|141=Y', 1);
    expect(script.sent(34, 141)).toEqual(['A 1 Y']);
    expect([script.session.nextOut, script.session.nextIn, script.resets]).toEqual([2, 2, 1]);
  });

  it('resets both numbers at each logon where that is agreed, and else never unasked', () => {
    const agreed = new SessionScript(
      { ...BASE, role: 'initiator', resetOnLogon: true },
      { nextOut: 40, nextIn: 50 },
    );
    agreed.session.connected(agreed.nowMs);
    expect(agreed.sent(34, 141)).toEqual(['A 1 Y']);
    agreed.say('A', '98=0|108=30|141=Y');
    expect(agreed.session.nextIn).toBe(2);

    const not = new SessionScript({ ...BASE, role: 'initiator' }, { nextOut: 40, nextIn: 50 });
    not.session.connected(not.nowMs);
    not.say('A', '98=0|108=30|141=Y', 1);
    expect(not.ended).toBe(1);
    expect(not.session.nextIn).toBe(50);
    expect(not.notices[0]).toContain('SEQUENCE_RESET');
  });

  it('answers a Logon whose number is too high, then asks for what is missing', () => {
    const script = new SessionScript(BASE, { nextOut: 3, nextIn: 5 });
    script.session.connected(script.nowMs);
    script.say('A', '98=0|108=30', 9);
    expect(script.sent(7, 16)).toEqual(['A  ', '2 5 8']);
  });

  it('ends a Logon whose number is too low', () => {
    const script = new SessionScript(BASE, { nextOut: 3, nextIn: 5 });
    script.session.connected(script.nowMs);
    script.say('A', '98=0|108=30', 4);
    expect(script.sent(58)).toEqual(['5 MsgSeqNum too low, expecting 5 but received 4']);
    expect(script.ended).toBe(1);
  });
});

describe('numbers', () => {
  it('deliver what comes in turn, once', () => {
    const script = new SessionScript().up();
    script.say('8', '58=a');
    script.say('8', '58=b');
    expect(script.delivered).toEqual(['8#2#a', '8#3#b']);
    expect(script.session.nextIn).toBe(4);
  });

  it('ask for a gap, keep what is behind it, and deliver all in order', () => {
    const script = new SessionScript().up();
    script.say('8', '58=d', 5);
    script.say('8', '58=e', 6);
    expect(script.sent(7, 16)).toEqual(['2 2 4']);
    for (const seq of [2, 3, 4]) script.say('8', `58=${seq}`, seq, dupHeader(script.nowMs));
    expect(script.delivered).toEqual(['8#2#2 dup', '8#3#3 dup', '8#4#4 dup', '8#5#d', '8#6#e']);
    expect(script.sent()).toEqual([]);
  });

  it('ask for a large gap in chunks', () => {
    const script = new SessionScript({ ...BASE, resendChunk: 2 }).up();
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
    const script = new SessionScript().up();
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
    const script = new SessionScript(BASE, { nextOut: 3, nextIn: 5 });
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
    const script = new SessionScript(BASE, undefined, limits).up();
    for (let seq = 3; seq <= 6; seq += 1) script.say('8', `58=${seq}`, seq);
    script.sent();
    script.say('8', '58=2', 2, dupHeader(script.nowMs));
    expect(script.delivered).toEqual(['8#2#2 dup', '8#3#3', '8#4#4']);
    script.say('8', '58=7', 7);
    expect(script.sent(7, 16)).toEqual(['2 5 6']);
  });

  it('too low end the session, unless it is a possible duplicate', () => {
    const script = new SessionScript().up();
    script.say('8', '58=a');
    script.say('8', '58=a', 2, dupHeader(script.nowMs));
    expect(script.delivered).toEqual(['8#2#a']);
    expect(script.ended).toBe(0);
    script.say('8', '58=a', 2);
    expect(script.sent(58)).toEqual(['5 MsgSeqNum too low, expecting 3 but received 2']);
    expect(script.ended).toBe(1);
  });

  it('pass on that content may have come before under another number', () => {
    const script = new SessionScript().up();
    script.say('8', '58=a', undefined, '97=Y');
    expect(script.delivered).toEqual(['8#2#a resend']);
  });

  it('missing end the session', () => {
    const script = new SessionScript().up();
    script.raw(`35=8|49=THEM|56=US|52=${timestampText(script.nowMs)}`);
    expect(script.sent(58)).toEqual(['5 Required tag missing: MsgSeqNum']);
    expect(script.ended).toBe(1);
  });
});

describe('sequence resets', () => {
  it('fill a gap in turn, and skip what they skip', () => {
    const script = new SessionScript().up();
    script.say('4', '123=Y|36=10', 2);
    expect(script.session.nextIn).toBe(10);
    script.say('8', '58=a', 10);
    expect(script.delivered).toEqual(['8#10#a']);
  });

  it('that fill a gap out of turn wait for it, or are ignored as duplicates, or end the session', () => {
    const script = new SessionScript().up();
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
    const script = new SessionScript().up();
    script.say('8');
    script.say('8');
    script.say('4', '36=2', 77);
    expect(script.sent(373, 371)).toEqual(['3 5 36']);
    expect(script.session.nextIn).toBe(4);
    script.say('4', '123=Y|36=4', 4);
    expect(script.sent(373)).toEqual(['3 5']);
  });

  it('in reset mode set the number, whatever their own', () => {
    const script = new SessionScript().up();
    script.say('4', '36=50', 3);
    expect(script.session.nextIn).toBe(50);
    script.say('4', '123=N|36=60', 99);
    expect(script.session.nextIn).toBe(60);
    script.say('4', '', 60);
    expect(script.sent(373, 371)).toEqual(['3 1 36']);
  });
});
