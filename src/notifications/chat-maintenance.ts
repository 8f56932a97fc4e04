/** Owns what a chat can ask of planned work: quiet for what carries a label, and its end. */
import { type Matcher, matchersText, readMaintenance } from '../alerts/silence.js';
import type { ActionEnd } from './chat-journal.js';
import { durationText } from './message-text.js';
import type { Target } from './target.js';

/** What is said when a silence is to be made or ended, and Alertmanager does not know yet. */
export const FOLLOWS = 'Alertmanager does not answer: it follows when it does.';

/** Who looks after planned work. Rejects with the store's errors. */
export interface ChatMaintenance {
  /** `pending`: Alertmanager does not have it yet. */
  want(wish: {
    /** The same for the same update. */
    readonly tag: string;
    readonly matchers: readonly Matcher[];
    readonly durationMs: number;
    readonly owner: string;
    readonly chat: Target;
  }): Promise<'done' | 'pending'>;
  /** Ends all of it; answers how many silences were on. `pending`: Alertmanager may have one still, an earlier one too. */
  off(by: string): Promise<{ readonly ended: number; readonly outcome: 'done' | 'pending' }>;
}

/** Does what `/maintenance 2h flow="tokens"` asks for; undefined where nobody looks after planned work. */
export async function wantMaintenance(
  work: ChatMaintenance | undefined,
  ask: {
    readonly text: string;
    readonly watchdog: string;
    readonly tag: string;
    readonly owner: string;
    readonly chat: Target;
  },
): Promise<ActionEnd> {
  const { text, watchdog, ...who } = ask;
  const wish = readMaintenance(text, watchdog);
  if (!wish.ok) return unchanged('Nothing was silenced', wish.remedy);
  if (work === undefined)
    return unchanged('Nothing was silenced', 'Nobody looks after planned work here: write alertmanager.url.');
  const { durationMs, matchers } = wish;
  const outcome = await work.want({ ...who, matchers, durationMs });
  const detail = `Silenced for ${durationText(durationMs)}: ${matchersText(matchers)}`;
  const body = outcome === 'done' ? 'End it earlier with /maintenance off' : FOLLOWS;
  return { outcome, detail, answer: { title: `🔕 ${detail}`, body } };
}

/** Does what `/maintenance off` asks for. */
export async function endMaintenance(work: ChatMaintenance | undefined, by: string): Promise<ActionEnd> {
  const { ended, outcome } = (await work?.off(by)) ?? { ended: 0, outcome: 'done' };
  if (ended === 0 && outcome === 'done') return unchanged('No maintenance is on', 'Nothing was changed.');
  const title = outcome === 'done' ? '🔔 Maintenance is off' : '🔕 Maintenance is ending';
  const parts = [
    ...(ended === 0 ? [] : [ended === 1 ? '1 silence ends.' : `${ended} silences end.`]),
    ...(outcome === 'done' ? [] : [FOLLOWS]),
  ];
  return { outcome, detail: title, answer: { title, body: parts.join(' ') } };
}

function unchanged(title: string, body: string): ActionEnd {
  return { outcome: 'refused', detail: body, answer: { title, body } };
}
