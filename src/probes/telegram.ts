/** Owns the probe of a Telegram bot: whether the Bot API knows the token. */
import type { TelegramProbeConfig } from '../config/probes.js';
import { ProbeFailure } from './failure.js';
import { askHttp, below, expectGoodStatus, jsonOf, MAX_JSON_BYTES, type ProbeParts } from './http-target.js';
import type { ProbeSpec } from './probe.js';
import { secretOf } from './secrets.js';

/** Asks `getMe`. The token stands in the path, so no address of this probe is ever shown. */
export function telegramProbe(config: TelegramProbeConfig, parts: ProbeParts): ProbeSpec {
  const { name, kind, target, timeoutMs } = config;
  return {
    name,
    kind,
    target,
    deadlineMs: timeoutMs,
    async ask(asking) {
      const token = secretOf(parts.readSecret, config.tokenFile, 'token_file', target);
      if (!/^\d{1,20}:[A-Za-z0-9_-]{1,100}$/.test(token)) {
        throw new ProbeFailure(
          'auth',
          `${target} was not asked: the file of token_file holds no bot token. Write the token of @BotFather alone into it.`,
        );
      }
      const reply = await askHttp(
        parts,
        config,
        { url: below(config.url.reveal(), `bot${token}/getMe`), maxBytes: MAX_JSON_BYTES },
        asking,
      );
      // 404 is the API's answer to a token that it does not even take for one.
      if (reply.status === 404) {
        throw new ProbeFailure(
          'auth',
          `${target} answered 404 to getMe. Check the token, and url if it is set.`,
        );
      }
      expectGoodStatus(reply.status, target, 'getMe');
      const answer = jsonOf(reply, target, 'getMe');
      const bot = answer.result as { is_bot?: unknown; id?: unknown; username?: unknown } | undefined;
      if (answer.ok === true && bot?.is_bot === true) {
        const { id, username } = bot;
        // Only what a name of Telegram can be: this text is shown to people.
        const isName = typeof username === 'string' && /^[A-Za-z0-9_]{1,64}$/.test(username);
        if (Number.isSafeInteger(id) && isName) asking.note({ telegramBot: { id: id as number, username } });
        return;
      }
      throw new ProbeFailure('body', `${target} answered getMe without a bot. Check url and the token.`);
    },
  };
}
