/** Owns which addresses a probe may connect to: public ones, and networks that the configuration lists. */

/** A network by its first address and the length of its prefix; IPv4 has 4 bytes, IPv6 has 16. */
export interface Network {
  readonly bytes: readonly number[];
  readonly prefix: number;
}

/** What an address belongs to when it is not public; undefined for public and listed ones. */
export function refusalOf(address: string, allowed: readonly Network[]): string | undefined {
  const bytes = addressBytes(address);
  if (bytes === undefined) return 'no address';
  if (allowed.some((network) => contains(network, bytes))) return undefined;
  const inner = innerIpv4(bytes);
  // A listed IPv4 network stands for its addresses however they are written.
  if (inner !== undefined && allowed.some((network) => contains(network, inner))) return undefined;
  return kindOf(inner ?? bytes);
}

/** `10.0.0.0/8`, `fd00::/8` or a single address; undefined when it is neither. */
export function parseNetwork(text: string): Network | undefined {
  const match = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text);
  const bytes = match === null ? undefined : addressBytes(match[1]!);
  if (bytes === undefined) return undefined;
  const longest = bytes.length * 8;
  const prefix = match![2] === undefined ? longest : Number(match![2]);
  return prefix <= longest ? { bytes, prefix } : undefined;
}

/** The bytes of an address as the system writes it, without its zone; undefined for anything else. */
export function addressBytes(text: string): readonly number[] | undefined {
  const [plain = ''] = text.split('%');
  return plain.includes(':') ? ipv6Bytes(plain) : ipv4Bytes(plain);
}

function ipv4Bytes(text: string): readonly number[] | undefined {
  const parts = text.split('.');
  // A zero in front means octal to some readers and decimal to others, so nobody may write it.
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part))) return undefined;
  const bytes = parts.map(Number);
  return bytes.every((byte) => byte <= 255) ? bytes : undefined;
}

function ipv6Bytes(text: string): readonly number[] | undefined {
  const tail = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const v4 = tail === null ? undefined : ipv4Bytes(tail[2]!);
  if (tail !== null && v4 === undefined) return undefined;
  const hex = v4 === undefined ? text : `${tail![1]}${pair(v4[0]!, v4[1]!)}:${pair(v4[2]!, v4[3]!)}`;
  const halves = hex.split('::');
  if (halves.length > 2) return undefined;
  const [head, end] = [groupsOf(halves[0]!), groupsOf(halves[1] ?? '')];
  const missing = 8 - head.length - end.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array<string>(missing).fill('0'), ...end];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]);
}

function pair(high: number, low: number): string {
  return ((high << 8) | low).toString(16);
}

function groupsOf(text: string): readonly string[] {
  return text === '' ? [] : text.split(':');
}

function contains({ bytes, prefix }: Network, address: readonly number[]): boolean {
  if (bytes.length !== address.length) return false;
  for (let bit = 0; bit < prefix; bit += 8) {
    const mask = prefix - bit >= 8 ? 255 : 255 & (255 << (8 - (prefix - bit)));
    if (((bytes[bit / 8]! ^ address[bit / 8]!) & mask) !== 0) return false;
  }
  return true;
}

/** IPv6 forms that lead to an IPv4 address, with the place where that begins: mapped, compatible, NAT64 and 6to4. */
const CARRIERS: readonly (readonly [network: string, place: number])[] = [
  ['::ffff:0:0/96', 12],
  ['::/96', 12],
  ['64:ff9b::/96', 12],
  ['2002::/16', 2],
];

function innerIpv4(bytes: readonly number[]): readonly number[] | undefined {
  if (bytes.length !== 16 || contains(networkOf('::/127'), bytes)) return undefined;
  const carrier = CARRIERS.find(([network]) => contains(networkOf(network), bytes));
  return carrier === undefined ? undefined : bytes.slice(carrier[1], carrier[1] + 4);
}

/** What is not public, the first match counts; after these every IPv6 address outside 2000::/3 is reserved. */
const KINDS: readonly (readonly [kind: string, networks: readonly string[]])[] = [
  ['a loopback address', ['127.0.0.0/8', '::1/128']],
  ['a link-local address', ['169.254.0.0/16', 'fe80::/10']],
  ['a private address', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7']],
  ['an unspecified address', ['0.0.0.0/8', '::/128']],
  ['a multicast address', ['224.0.0.0/4', 'ff00::/8']],
  [
    'a reserved address',
    [
      '192.0.0.0/24',
      '192.0.2.0/24',
      '192.88.99.0/24',
      '198.18.0.0/15',
      '198.51.100.0/24',
      '203.0.113.0/24',
      '240.0.0.0/4',
      '2001::/23',
      '2001:db8::/32',
    ],
  ],
];

const parsed = new Map<string, Network>();

function networkOf(text: string): Network {
  const known = parsed.get(text) ?? parseNetwork(text);
  if (known === undefined) throw new TypeError(`${text} is no network`);
  parsed.set(text, known);
  return known;
}

function kindOf(bytes: readonly number[]): string | undefined {
  const found = KINDS.find(([, networks]) => networks.some((text) => contains(networkOf(text), bytes)));
  if (found !== undefined) return found[0];
  return bytes.length === 4 || contains(networkOf('2000::/3'), bytes) ? undefined : 'a reserved address';
}
