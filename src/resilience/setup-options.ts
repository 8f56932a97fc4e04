/** Owns the checking of options that are given once when a program starts: to metrics, logs and instrumentation. */
import { show } from './errors.js';
import { OptionValues } from './option-values.js';

/** An option breaks its rule. Thrown at setup only. Remedy: the message names option, rule and value. */
export class InstrumentOptionError extends TypeError {
  readonly code = 'INSTRUMENT_OPTION';
  override readonly name = 'InstrumentOptionError';

  constructor(
    /** The option that is wrong. */
    readonly option: string,
    rule: string,
    value: unknown,
    /** The function that was given it, as the message names it. */
    readonly giver = '',
  ) {
    super(`${giver === '' ? '' : `${giver}: `}option ${option} must be ${rule}; got ${show(value)}`);
  }
}

/** Reads the options of one function; what breaks a rule throws InstrumentOptionError. */
export class SetupReader extends OptionValues {
  constructor(giver: string, options: unknown, known: readonly string[]) {
    super(options, known, (option, rule, value) => new InstrumentOptionError(option, rule, value, giver));
  }
}
