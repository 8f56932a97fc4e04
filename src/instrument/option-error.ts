/** Owns the refusal of a wrong option of the instrumentation, at setup and never later. */

/** An option breaks its rule. Thrown at setup only. Remedy: the message names option, rule and value. */
export class InstrumentOptionError extends TypeError {
  readonly code = 'INSTRUMENT_OPTION';
  override readonly name = 'InstrumentOptionError';

  constructor(
    /** The option that is wrong. */
    readonly option: string,
    rule: string,
    value: unknown,
  ) {
    super(
      `option ${option} must be ${rule}; got ${typeof value === 'string' ? JSON.stringify(value) : typeof value}`,
    );
  }
}
