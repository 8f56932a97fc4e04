/** Owns the checking of policy options: their owner's name first, then each option by its rule. */
import { PolicyOptionError } from './errors.js';
import { OptionValues } from './option-values.js';

/** Reads the options of one policy; what breaks a rule throws PolicyOptionError. */
export class OptionReader extends OptionValues {
  /** The policy's name: 1 to 100 characters, the label value of its series. */
  readonly name: string;

  /** `fixedName` is for what is no policy and has no name of its own: `name` is then no option. */
  constructor(kind: string, options: object, known: readonly string[], fixedName?: string) {
    const given: unknown = (options as { name?: unknown } | null | undefined)?.name;
    const name = fixedName ?? given;
    const hasName = typeof name === 'string' && name.length >= 1 && name.length <= 100;
    const policy = hasName ? `${kind} ${JSON.stringify(name)}` : kind;
    super(options, fixedName === undefined ? ['name', ...known] : known, (option, rule, value) => {
      return new PolicyOptionError(policy, option, rule, value);
    });
    if (!hasName) throw new PolicyOptionError(kind, 'name', 'a text of 1 to 100 characters', name);
    this.name = name;
  }
}
