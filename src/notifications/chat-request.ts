/** Owns the reading of what somebody did in a chat: an update of Telegram in, a checked request or nothing out. */

/** Who did it, and where. All of it is the sender's word but the numbers, which are Telegram's. */
export interface ChatPerson {
  /** Telegram's number of the account. */
  readonly userId: string;
  /** For people; at most 64 characters. */
  readonly userName: string;
  readonly chat: string;
  /** `@name` of the chat; undefined for one without. */
  readonly chatName: string | undefined;
  /** Topic; 0 for the chat itself. */
  readonly thread: number;
}

/** What is wanted. `reference` and `incident` name a group of alerts. */
export type ChatWish =
  | { readonly kind: 'take' | 'undo' | 'details'; readonly reference: string; readonly incident: string }
  | {
      readonly kind: 'silence';
      readonly reference: string;
      readonly incident: string;
      readonly hours: number;
    }
  | { readonly kind: 'alerts' | 'status' | 'help' }
  | { readonly kind: 'stuck'; readonly flow: string }
  | { readonly kind: 'maintenance'; readonly text: string }
  | { readonly kind: 'maintenance off' }
  /** A button of an older release, or of somebody else. */
  | { readonly kind: 'unknown button' };

/** A request with the update that brought it. */
export interface ChatRequest {
  readonly updateId: number;
  readonly from: ChatPerson;
  readonly wish: ChatWish;
  /** Answered with a short text at the top of the screen; undefined for a command. */
  readonly queryId: string | undefined;
}

/** Hours that the buttons offer. */
export const SILENCE_HOURS = [1, 4] as const;

/** The commands as a chat shows them. */
export const COMMANDS = `/alerts: what fires now
/status: the flows, and what waits to be sent
/stuck FLOW: the items that are stuck
/maintenance 2h flow="tokens": silence what carries this label
/maintenance off: end all maintenance now`;

/** What a button under a group's message hands back: a short number, never a label. At most 64 bytes. */
export function buttonData(
  action: 'take' | 'undo' | 'details' | `silence${number}`,
  reference: string,
  incident: number,
): string {
  return `${action}:${reference}:${incident}`;
}

/** The number of an update; undefined for what is none. */
export function updateIdOf(update: unknown): number | undefined {
  const id = recordOf(update).update_id;
  return typeof id === 'number' && Number.isSafeInteger(id) && id >= 0 ? id : undefined;
}

/**
 * What an update asks for; undefined for talk between people and everything else that is not meant for us, commands to
 * another bot included. `ownName` is the bot's name without `@`.
 */
export function readUpdate(update: unknown, ownName: string): ChatRequest | undefined {
  const updateId = updateIdOf(update);
  if (updateId === undefined) return undefined;
  const { message, callback_query: query } = recordOf(update);
  if (query !== undefined) {
    const { id, from, message: about, data } = recordOf(query);
    const person = personOf(from, recordOf(about));
    if (person === undefined || typeof id !== 'string') return undefined;
    return { updateId, from: person, wish: wishOfButton(data), queryId: id };
  }
  const { text, from } = recordOf(message);
  const person = personOf(from, recordOf(message));
  const wish = typeof text === 'string' ? wishOfCommand(storable(text), ownName) : undefined;
  if (person === undefined || wish === undefined) return undefined;
  return { updateId, from: person, wish, queryId: undefined };
}

function wishOfButton(data: unknown): ChatWish {
  const [, action, reference, incident] =
    /^(take|undo|details|silence\d{1,2}):(\d{1,18}):(\d{1,18})$/.exec(String(data)) ?? [];
  if (action === undefined) return { kind: 'unknown button' };
  const group = { reference: reference!, incident: incident! };
  if (action === 'take' || action === 'undo' || action === 'details') return { kind: action, ...group };
  const hours = SILENCE_HOURS.find((offered) => `silence${offered}` === action);
  return hours === undefined ? { kind: 'unknown button' } : { kind: 'silence', hours, ...group };
}

function wishOfCommand(text: string, ownName: string): ChatWish | undefined {
  const [, command, to, rest = ''] =
    /^\/([a-z]{1,32})(?:@(\w{1,64}))?(?:\s+([\s\S]{0,1000}))?$/i.exec(text.trim()) ?? [];
  if (command === undefined) return undefined;
  if (to !== undefined && to.toLowerCase() !== ownName.toLowerCase()) return undefined;
  switch (command.toLowerCase()) {
    case 'alerts':
      return { kind: 'alerts' };
    case 'status':
      return { kind: 'status' };
    case 'stuck':
      return { kind: 'stuck', flow: rest.trim().slice(0, 100) };
    case 'maintenance':
      return /^\s*off\s*$/i.test(rest) ? { kind: 'maintenance off' } : { kind: 'maintenance', text: rest };
    case 'help':
    case 'start':
      return { kind: 'help' };
    default:
      return undefined;
  }
}

function personOf(from: unknown, message: Readonly<Record<string, unknown>>): ChatPerson | undefined {
  const user = recordOf(from);
  const chat = recordOf(message.chat);
  if (!isId(user.id) || !isId(chat.id)) return undefined;
  const names = [user.first_name, user.last_name].filter((name) => typeof name === 'string' && name !== '');
  const shown =
    names.join(' ') || (typeof user.username === 'string' ? user.username : '') || `user ${user.id}`;
  const thread = message.is_topic_message === false ? 0 : message.message_thread_id;
  return {
    userId: String(user.id),
    // A name must stay a name in a silence's comment, where brackets end in our tag, and in a text of the database.
    userName: storable(shown.replace(/[[\]\r\n]/g, ' ').slice(0, 64)),
    chat: String(chat.id),
    chatName: typeof chat.username === 'string' ? `@$chat.username` : undefined,
    thread: isId(thread) ? thread : 0,
  };
}

/** PostgreSQL takes neither a NUL nor half a surrogate pair: such an update would be refused again and again. */
function storable(text: string): string {
  return Buffer.from(text.slice(0, 4_096).replaceAll('\0', '\uFFFD')).toString();
}

function isId(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value !== 0;
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
