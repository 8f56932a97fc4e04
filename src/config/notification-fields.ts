/** Owns the kinds of values that only the section `notifications` has: chats, files, addresses, lists of names. */
import { defaulted, duration, type FieldDoc, type Reader, text } from './fields.js';
import { bad, good, type Parsed } from './problem.js';
import { parseExternalUrl } from './web-paths.js';

/** A chat of Telegram, or one topic of it. */
export interface ChatAddress {
  readonly chat: string;
  /** 0 for the chat itself. */
  readonly thread: number;
}

/** `-1001234567890`, `@name`, and either with `/TOPIC` behind it. */
export const parseChat: Reader<ChatAddress> = (raw): Parsed<ChatAddress> => {
  const remedy = 'Write the chat as -1001234567890, its topic behind a slash: "-1001234567890/42"';
  if (typeof raw !== 'number' && typeof raw !== 'string') return bad('is not a chat', remedy);
  const [, chat, thread] =
    /^(-?[1-9]\d{0,18}|@[A-Za-z]\w{3,31})(?:\/([1-9]\d{0,9}))?$/.exec(String(raw)) ?? [];
  return chat === undefined ? bad('is not a chat', remedy) : good({ chat, thread: Number(thread ?? 0) });
};

/** A path; what looks like a secret or a URL is refused, because paths are shown in messages. */
export const filePath = text((path) => {
  if (path.trim() === '') return bad('is empty', 'Name a file');
  if (path.includes('\0')) return bad('contains a NUL byte', 'Remove it');
  if (path.startsWith('~')) return bad('begins with ~', 'Write the path from /');
  // A token or an address with one must not pass for a file name: those are shown in messages.
  if (/:\/\/|^\d+:/.test(path))
    return bad('is a secret or a URL, not a file', 'Write it into a file, and name the file');
  return good(path);
});

/** The documentation of a key that names a file. */
export const file = (meaning: string, example: string): FieldDoc => ({
  meaning: `${meaning} A path that is not absolute begins at the configuration file.`,
  example,
  bounds: 'one line; not readable by everyone',
});

/** An address that may be shown. */
export const parseUrl: Reader<string> = text(parseExternalUrl);

/** Names of chats, webhooks and addresses. */
export const names: Reader<readonly string[]> = (raw) => {
  const list = typeof raw === 'string' ? [raw] : raw;
  const legal = Array.isArray(list) && list.length > 0 && list.every((name) => typeof name === 'string');
  return legal
    ? good(list as string[])
    : bad('is not a list of names', 'Write [critical] or [critical, oncall]');
};

/** A duration with its default. */
export const span = (meaning: string, example: string, fallback: string, from: string, to: string) =>
  defaulted({ meaning, example, bounds: `${from} to ${to}`, default: fallback }, duration(from, to));
