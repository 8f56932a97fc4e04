/** Owns the promises of the port of all channels: each is a test with the same words for each of them. */
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type ChannelMessage,
  type Outcome,
  permanentReasons,
  transientReasons,
} from '../../src/notifications/channel.js';
import { freePort } from '../harness/ports.js';
import { CANARY, type Member, members, situations } from './channel-members.js';

const MESSAGE: ChannelMessage = { to: { chat: '1' }, text: '<b>a</b>', plain: 'a', silent: false };

describe.each(Object.entries(members))('the channel %s', (_name, start) => {
  let member: Member;
  beforeEach(async () => {
    member = await start();
  });
  afterEach(() => member.close());

  it('confirms what was delivered, with an id, after one request', async () => {
    const outcome = await member.channel.send(MESSAGE);
    expect(outcome).toMatchObject({ kind: 'sent', chat: '1', how: 'new' });
    expect(outcome.kind === 'sent' && outcome.id.length > 0).toBe(true);
    expect(member.requests()).toBe(1);
  });

  it.each<[(typeof situations)[number], Partial<Outcome>]>([
    ['limited', { kind: 'limited', afterSeconds: 7, scope: 'chat' }],
    ['server error', { kind: 'transient', reason: 'server_error', scope: 'chat' }],
    ['refusal', { kind: 'permanent', scope: 'chat' }],
    ['reset', { kind: 'transient', reason: 'reset', ambiguous: true }],
    ['stall', { kind: 'transient', reason: 'timeout', ambiguous: true }],
  ])('names the end of a %s, and does not try again by itself', async (situation, expected) => {
    member.set(situation);
    const channel = situation === 'stall' ? member.hasty : member.channel;
    expect(await channel.send(MESSAGE)).toMatchObject(expected);
    expect(member.requests()).toBe(1);
  });

  it('does not follow a redirect', async () => {
    member.set('redirect');
    expect((await member.channel.send(MESSAGE)).kind).not.toBe('sent');
    expect(member.requests()).toBe(1);
  });

  it('knows that nothing was delivered where nobody listens', async () => {
    const outcome = await member.astray(await freePort()).send(MESSAGE);
    expect(outcome).toMatchObject({ kind: 'transient', reason: 'refused', ambiguous: false });
  });

  it('ends when its caller gives up', async () => {
    member.set('stall');
    const control = new AbortController();
    const ended = member.channel.send(MESSAGE, undefined, { signal: control.signal });
    control.abort(new Error(`the lease of ${CANARY} is over`));
    expect(await ended).toMatchObject({ kind: 'transient', reason: 'aborted' });
  });

  it('sends nothing for a caller who has given up before', async () => {
    const outcome = await member.channel.send(MESSAGE, undefined, { signal: AbortSignal.abort() });
    expect(outcome).toMatchObject({ kind: 'transient', reason: 'aborted' });
    expect(member.requests()).toBe(0);
  });

  it('tells its secret in no end, and names each end from the closed sets', async () => {
    const outcomes = [await member.astray(await freePort()).send(MESSAGE)];
    for (const situation of situations) {
      member.set(situation);
      outcomes.push(await (situation === 'stall' ? member.hasty : member.channel).send(MESSAGE));
    }
    for (const outcome of outcomes) {
      expect(inspect(outcome)).not.toContain(CANARY);
      if (outcome.kind === 'transient') expect(transientReasons).toContain(outcome.reason);
      if (outcome.kind === 'permanent') expect(permanentReasons).toContain(outcome.reason);
    }
  });
});
