/** Owns the quick motion of rules: the same rules with every length of time divided by one number. Pure. */
import { parse, stringify } from 'yaml';

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

interface Rule {
  readonly alert?: string;
  expr: string;
  for?: string;
  keep_firing_for?: string;
}

/** One length, such as `1h30m`, divided; never below a millisecond. */
export function dividedDuration(text: string, factor: number): string {
  let ms = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|[smhdw])/g)) ms += Number(count) * UNIT_MS[unit!]!;
  return `${Math.max(1, Math.round(ms / factor))}ms`;
}

/**
 * A file of rules, `factor` times as fast: ranges, offsets, `for`, `keep_firing_for`, the numbers of seconds that stand
 * beside a rate (300, 900, 3600), and the limits of statuses, which exporters state in real seconds. Alerts named in
 * `without` are left out; `limitFactor` divides the limits of statuses where the market is not as fast as the rules.
 */
export function accelerateRules(
  text: string,
  factor: number,
  { without = [], limitFactor = factor }: { without?: readonly string[]; limitFactor?: number } = {},
): string {
  const tree = parse(text) as { groups: { interval?: string; rules: Rule[] }[] };
  for (const group of tree.groups) {
    group.rules = group.rules.filter(({ alert }) => alert === undefined || !without.includes(alert));
    if (group.interval !== undefined) group.interval = dividedDuration(group.interval, factor);
    for (const rule of group.rules) {
      rule.expr = accelerateExpression(rule.expr, factor, limitFactor);
      if (rule.for !== undefined) rule.for = dividedDuration(rule.for, factor);
      if (rule.keep_firing_for !== undefined) {
        rule.keep_firing_for = dividedDuration(rule.keep_firing_for, factor);
      }
    }
  }
  return stringify(tree, { lineWidth: 0 });
}

/** One expression, `factor` times as fast. */
export function accelerateExpression(expression: string, factor: number, limitFactor = factor): string {
  return (
    expression
      .replace(/\[(\d+[smhdw][\dsmhdw]*(?::[\dsmhdw]*)?)\]/g, (_, range: string) => {
        const parts = range.split(':').map((part) => (part === '' ? '' : dividedDuration(part, factor)));
        return `[${parts.join(':')}]`;
      })
      .replace(/\boffset (\d[\dsmhdw]*)/g, (_, length: string) => `offset ${dividedDuration(length, factor)}`)
      .replace(/(?<![\w."])(300|900|3600)(?![\w."])/g, (number) => String(Number(number) / factor))
      // Around the function, because a range belongs to a selector only.
      .replace(
        /\blast_over_time\(flow_status_limit_seconds((?:\{[^}]*\})?\[[^\]]+\])\)/g,
        (_, selector: string) => `(last_over_time(flow_status_limit_seconds${selector}) / ${limitFactor})`,
      )
  );
}
