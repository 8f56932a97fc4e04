/** Owns the buttons under a group's message, and the line that says who has it. */
import type { AlertStatus } from '../alerts/alert.js';
import type { ChannelButton } from './channel.js';
import { buttonData, SILENCE_HOURS } from './chat-request.js';
import { momentText } from './message-text.js';

/** Who keeps a group quiet, and until when. */
export interface Holding {
  readonly kind: 'take' | 'silence';
  readonly owner: string;
  readonly untilMs: number;
}

/** What the buttons need to know of a group. */
export interface HeldGroup {
  /** The short number of the group in the store. */
  readonly reference: string;
  readonly incident: number;
  readonly status: AlertStatus;
  readonly holding: Holding | undefined;
}

/** The buttons: none when it is over, and *Undo* in place of *Take it* while somebody has it. */
export function buttonsOf({
  reference,
  incident,
  status,
  holding,
}: HeldGroup): readonly (readonly ChannelButton[])[] {
  if (status === 'resolved') return [];
  const first: ChannelButton =
    holding === undefined
      ? { label: 'Take it', data: buttonData('take', reference, incident) }
      : { label: 'Undo', data: buttonData('undo', reference, incident) };
  const hours = SILENCE_HOURS.map((count): ChannelButton => {
    return { label: `Silence ${count}h`, data: buttonData(`silence${count}`, reference, incident) };
  });
  return [[first, ...hours], [{ label: 'Details', data: buttonData('details', reference, incident) }]];
}

/** `👤 Taken by Anna until 2026-01-02 03:04:05 UTC` */
export function holdingText({ kind, owner, untilMs }: Holding): string {
  const until = `until ${momentText(untilMs)}`;
  return kind === 'take' ? `👤 Taken by ${owner} ${until}` : `🔕 Silenced by ${owner} ${until}`;
}
