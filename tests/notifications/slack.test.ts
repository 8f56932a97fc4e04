/** Proves the text for Slack: bold first line, and nothing in an alert that rings at people. */
import { expect, test } from 'vitest';
import { slackBody } from '../../src/notifications/slack.js';

test('mentions of an alert are shown, not rung; links are not opened up', () => {
  const body = JSON.parse(slackBody({ plain: 'critical: Flow & Co\n<!channel> <@U123> a > b' }));
  expect(body).toEqual({
    text: '*critical: Flow &amp; Co*\n&lt;!channel&gt; &lt;@U123&gt; a &gt; b',
    unfurl_links: false,
    unfurl_media: false,
  });
});
