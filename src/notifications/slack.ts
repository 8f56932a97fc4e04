/** Owns the words of a message for Slack and what speaks like it: one JSON text in which nothing of an alert can ring. */
import type { ChannelMessage } from './channel.js';

/** The body of a request to an incoming webhook. The first line is bold, links are shown and not opened up. */
export function slackBody({ plain }: Pick<ChannelMessage, 'plain'>): string {
  const [first = '', ...rest] = escapeSlack(plain).split('\n');
  const head = first.trim() === '' || first.includes('*') ? first : `*${first.trim()}*`;
  return JSON.stringify({ text: [head, ...rest].join('\n'), unfurl_links: false, unfurl_media: false });
}

/** With these three escaped, neither `<!channel>` nor `<@U123>` of an item's text is a mention. */
export function escapeSlack(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
