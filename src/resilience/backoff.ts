/** Owns the waits between the attempts of a retry, as pure functions: how long to back off, and what a server asked for. */
import { read } from './classify.js';

/** How chance enters a wait. `decorrelated` spreads widest; `proportional` is the plain series ± 20 %; `none` is exact. */
export const jitters = ['decorrelated', 'proportional', 'none'] as const;
/** How chance enters a wait. */
export type Jitter = (typeof jitters)[number];

/** The numbers of a back-off, validated by the retry. */
export interface Backoff {
  readonly baseDelayMs: number;
  readonly factor: number;
  readonly maxDelayMs: number;
  readonly jitter: Jitter;
}

const PROPORTION = 0.2;

/**
 * Milliseconds to wait before retry number `retry` (from 1), never above `maxDelayMs`. Decorrelated: uniform between the base and the
 * previous wait × (2 × factor − 1), so that factor 2 is the well-known "up to three times the last". `random` is in [0, 1).
 */
export function backoffMs(backoff: Backoff, retry: number, previousMs: number, random: number): number {
  const { baseDelayMs, factor, maxDelayMs, jitter } = backoff;
  // A random source of the host that answers nonsense must not become an endless or a busy wait.
  const chance = random >= 0 && random < 1 ? random : 0.5;
  if (jitter === 'decorrelated') {
    const top = Math.max(baseDelayMs, Math.max(baseDelayMs, previousMs) * (2 * factor - 1));
    return Math.min(maxDelayMs, baseDelayMs + chance * (top - baseDelayMs));
  }
  const plainMs = Math.min(maxDelayMs, baseDelayMs * factor ** (retry - 1));
  return jitter === 'none' ? plainMs : Math.min(maxDelayMs, plainMs * (1 + PROPORTION * (2 * chance - 1)));
}

/**
 * Milliseconds that a server asked to wait, from `Retry-After` (seconds or a date) in an error's or answer's headers, or from a
 * property `retryAfterMs`. A date is read against the reply's own `Date`, so a wrong clock here or there does not matter; without one
 * against `wallMs`. Undefined when nothing readable is there; never negative.
 */
export function retryAfterMs(subject: unknown, wallMs: number): number | undefined {
  const direct = read(subject, 'retryAfterMs');
  if (typeof direct === 'number' && direct >= 0) return direct;
  const headers = read(subject, 'headers') ?? read(read(subject, 'response'), 'headers');
  const text = header(headers, 'retry-after');
  if (text === undefined) return undefined;
  if (/^\d{1,12}(\.\d{1,6})?$/.test(text)) return Number(text) * 1000;
  // `Date.parse` reads even `-5` as a year: only what begins like an HTTP date is one.
  const atMs = /^[A-Za-z]{3,9}[, ]/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(atMs)) return undefined;
  const sentMs = Date.parse(header(headers, 'date') ?? '');
  return Math.max(0, atMs - (Number.isNaN(sentMs) ? wallMs : sentMs));
}

function header(headers: unknown, name: string): string | undefined {
  const get = read(headers, 'get');
  let value: unknown;
  try {
    value = typeof get === 'function' ? get.call(headers, name) : undefined;
  } catch {
    return undefined;
  }
  value ??= read(headers, name) ?? read(headers, name === 'date' ? 'Date' : 'Retry-After');
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value.length <= 100 ? value.trim() : undefined;
}
