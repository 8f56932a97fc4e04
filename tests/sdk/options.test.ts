/** Checks that whatever the package exports refuses wrong and unknown options, each as documented, with a stable code. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as door from '../../src/index.js';
import { type DocumentedOption, documentedOptions } from './option-tables.js';

const metrics = () => door.createMetrics({ processMetrics: 'omit' });
const run = async () => {};

interface Maker {
  /** The documented type of its options. */
  readonly owner: string;
  readonly code: string;
  /** Options that are right. */
  readonly right: Readonly<Record<string, unknown>>;
  make(options: never): unknown;
}

const policy = (owner: string, make: Maker['make'], right: object = { name: 'x' }): Maker => ({
  owner,
  code: 'POLICY_OPTION',
  right: right as Maker['right'],
  make,
});
const setup = (owner: string, make: Maker['make'], right: object = {}): Maker => ({
  ...policy(owner, make, right),
  code: 'INSTRUMENT_OPTION',
});
const job = (owner: string, make: Maker['make'], right: object): Maker => ({
  ...policy(owner, make, right),
  code: 'JOB_INVALID',
});

/** Stands for the policies of other packages, which nothing may be asked of before the options are right. */
const foreign = { name: 'theirs' } as never;
const windowed = { name: 'x', failureRateThreshold: 0.5, slowCallMs: 10 };
const due = { name: 'x', deadlineMs: 1_000, run };
const start = (options: never) => door.createSupervisor().start(options);

/** Every export that takes options, by its name in the package. */
const MAKERS: Readonly<Record<string, Maker>> = {
  CircuitBreaker: policy('BreakerOptions', (o) => new door.CircuitBreaker(o), windowed),
  Retry: policy('RetryOptions', (o) => new door.Retry(o)),
  RetryBudget: policy('RetryBudgetOptions', (o) => new door.RetryBudget(o)),
  Timeout: policy('TimeoutOptions', (o) => new door.Timeout(o), { name: 'x', multiple: 2 }),
  Fallback: policy('FallbackOptions', (o) => new door.Fallback(o), { name: 'x', maxAgeMs: 1_000 }),
  Limiter: policy('LimiterOptions', (o) => new door.Limiter(o), { name: 'x', limit: 1 }),
  RateLimiter: policy('RateLimiterOptions', (o) => new door.RateLimiter(o), {
    name: 'x',
    ratePerSecond: 5,
    slowRatio: 0.5,
  }),
  LoadController: policy('LoadControllerOptions', (o) => new door.LoadController(o), {}),
  loadMode: policy('LoadModeOptions', (o) => door.loadMode(o), {}),
  WorkSizer: policy('WorkSizerOptions', (o) => new door.WorkSizer(o)),
  workSize: policy('WorkSizeOptions', (o) => door.workSize(o), {}),
  aimdLimit: policy('AimdOptions', (o) => door.aimdLimit(o), {}),
  gradientLimit: policy('GradientOptions', (o) => door.gradientLimit(o), {}),
  batchSize: policy('BatchSizeOptions', (o) => door.batchSize(o), {}),
  createMetrics: setup('MetricsOptions', (o) => door.createMetrics(o)),
  metricsHandler: setup('ScraperOptions', (o) => door.metricsHandler(metrics(), o)),
  createLogger: setup('LoggerOptions', (o) => door.createLogger(o)),
  instrumentFetch: setup('FetchInstrumentOptions', (o) => door.instrumentFetch(metrics(), o), { apis: {} }),
  instrumentExpress: setup('ExpressInstrumentOptions', (o) => door.instrumentExpress(metrics(), o)),
  trackFlow: setup('TrackedFlowOptions', (o) => door.trackFlow(metrics(), 'x', o), { statuses: ['a'] }),
  watchOpossum: setup('AdapterOptions', (o) => door.watchOpossum(metrics(), foreign, o), { name: 'x' }),
  watchCockatiel: setup('CockatielOptions', (o) => door.watchCockatiel(metrics(), foreign, o), { name: 'x' }),
  createSupervisor: job('SupervisorOptions', (o) => door.createSupervisor(o), {}),
  'Supervisor.start': job('Job', start, due),
  'Job.every': job('FixedRate', (every) => start({ ...due, every } as never), { periodMs: 50 }),
  'Job.crashLoop': job('CrashLoopCap', (crashLoop) => start({ ...due, crashLoop } as never), {
    after: 2,
    withinMs: 50,
    restMs: 50,
  }),
};

/** The other functions of the package: what they take is no record of options, or is not checked for a reason. */
const WITHOUT_OPTIONS = new Set([
  ...['wrap', 'fixedLimit', 'flowItemTable', 'jobSeries', 'inContext'],
  ...['watchPolicies', 'watchLoad', 'watchWorkSizer'],
  ...['isRetryable', 'isRetryableAnswer', 'judgeAnswer', 'judgeError', 'activeExemplar', 'activeTraceId'],
  // Tools of tests and of the jobs' clock.
  ...['ManualClock', 'systemJobClock'],
]);

/** Options that take any value. */
const ANY = new Set(['staticValue']);

/** Values of each kind; those that a documented type names are left out of what is tried. */
const KINDS: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  number: fc.constantFrom(7, Number.NaN, Number.POSITIVE_INFINITY),
  text: fc.constantFrom('', 'full', '30s', 'none'),
  function: fc.constant(() => 1),
  list: fc.constantFrom([], [5]),
  record: fc.constantFrom({}, { a: 1 }),
  truth: fc.boolean(),
  nothing: fc.constant(null),
  symbol: fc.constant(Symbol('x')),
};

/** The kinds that a documented type may be. */
function kindsOf({ type, option }: DocumentedOption): string[] {
  if (/=> |Alternative<|AskTrace/.test(type.replace(/^number \| /, ''))) {
    return type.startsWith('number') ? ['number', 'function'] : ['function'];
  }
  if (/^number/.test(type)) return ['number'];
  if (/^string$|^'|^Jitter|^LogLevel|^OverlapPolicy|^StandIn$/.test(type)) return ['text'];
  if (type.endsWith('[]')) return ['list'];
  if (option === 'run') return ['function'];
  return ['record'];
}

const options = documentedOptions(/./);
const optionsOf = (maker: Maker) => options.filter(({ owner }) => owner === maker.owner);

function refusal(maker: Maker, given: unknown): { code?: string; option?: string; message: string } {
  try {
    maker.make(given as never);
  } catch (error) {
    return error as { message: string };
  }
  return { message: `${JSON.stringify(given)} was taken` };
}

test('every export that takes options is tried here', () => {
  const functions = Object.entries(door)
    .filter(([name, one]) => typeof one === 'function' && !name.endsWith('Error') && name !== 'JobAborted')
    .map(([name]) => name)
    .filter((name) => !WITHOUT_OPTIONS.has(name));
  expect(functions.filter((name) => MAKERS[name] === undefined)).toEqual([]);
});

describe.each(Object.entries(MAKERS))('%s', (_name, maker) => {
  const documented = optionsOf(maker);

  test('has documented options', () => {
    expect(documented.length).toBeGreaterThan(0);
  });

  test('refuses what is no record of options', () => {
    for (const given of [null, 5, 'x', true]) expect(refusal(maker, given).code).toBe(maker.code);
  });

  test('refuses an unknown option by its name', () => {
    const names = new Set(documented.map(({ option }) => option));
    const given = fc.anything().filter((value) => value !== undefined);
    const unknown = fc.stringMatching(/^[a-z][A-Za-z]{0,20}$/).filter((key) => !names.has(key));
    fc.assert(
      fc.property(fc.oneof(unknown, fc.constantFrom('toString', 'name_', 'Name')), given, (key, value) => {
        const error = refusal(maker, { ...maker.right, [key]: value });
        expect(error.code).toBe(maker.code);
        expect(error.message).toContain(key);
      }),
    );
  });

  test.each(documented.filter(({ option }) => !ANY.has(option)).map((one) => [one.option, one] as const))(
    'refuses %s of a wrong type',
    (option, one) => {
      const fit = kindsOf(one);
      const wrong = Object.entries(KINDS).filter(([kind]) => !fit.includes(kind));
      fc.assert(
        fc.property(fc.oneof(...wrong.map(([, values]) => values)), (value) => {
          const error = refusal(maker, { ...maker.right, [option]: value });
          expect(error.code).toBe(maker.code);
          expect(error.message).toMatch(new RegExp(`\\b${option}\\b.* must be .+`));
        }),
      );
    },
  );

  test.each(
    documented.filter(({ type }) => type.startsWith('number')).map(({ option }) => [option] as const),
  )('names the bounds of %s', (option) => {
    const beyond = fc.constantFrom(-1, Number.NaN, Number.POSITIVE_INFINITY, 1e15);
    fc.assert(
      fc.property(beyond, (value) => {
        const error = refusal(maker, { ...maker.right, [option]: value });
        expect(error.code).toBe(maker.code);
        expect(error.message).toMatch(/from \d+(\.\d+)? to \d|above 0 (and at most|to) \d/);
        expect(error.message).toContain(String(value));
      }),
    );
  });

  test('refuses to do without an option that is needed', () => {
    const needed = documented.filter(({ isOptional }) => !isOptional).map(({ option }) => option);
    for (const option of needed) {
      const error = refusal(maker, { ...maker.right, [option]: undefined });
      expect(error.code).toBe(maker.code);
      expect(error.message).toMatch(new RegExp(`\\b${option}\\b`));
    }
  });

  test('takes what is right, and undefined for the default', () => {
    const optional = documented.filter(({ isOptional, option }) => isOptional && !(option in maker.right));
    const given = {
      ...maker.right,
      ...Object.fromEntries(optional.map(({ option }) => [option, undefined])),
    };
    // The policies of other packages are no real ones here: only their options are looked at.
    expect(refusal(maker, given).code).toBeUndefined();
  });
});

test('a name that is given outside of a record is refused as well', () => {
  const names = [undefined, null, 5, '', 'Tokens', 'a'.repeat(41), 'to kens'] as never[];
  for (const name of names) {
    for (const make of [
      () => door.trackFlow(metrics(), name, { statuses: ['a'] }),
      () => door.flowItemTable(name),
      ...(name === undefined ? [] : [() => door.flowItemTable('tokens', name)]),
    ]) {
      expect(make).toThrow(expect.objectContaining({ code: 'INSTRUMENT_OPTION', option: 'name' }));
    }
  }
  for (const limit of [0, 1.5, Number.NaN, '5', null, undefined] as never[]) {
    expect(() => door.fixedLimit(limit)).toThrow(expect.objectContaining({ code: 'POLICY_OPTION' }));
  }
  for (const policies of [undefined, 5, {}, [undefined], [{}]] as never[]) {
    const watch = () => door.watchPolicies(metrics(), policies);
    expect(watch).toThrow(expect.objectContaining({ code: 'POLICY_OPTION', option: 'policies' }));
  }
});

test('a level that is none is refused when it is set, and the one in force stays', () => {
  const lines: string[] = [];
  const log = door.createLogger({
    level: 'warn',
    stream: { write: (line: string) => void lines.push(line) },
  });
  expect(() => log.setLevel('verbose' as never)).toThrow(
    'option level must be one of: trace, debug, info, warn, error, fatal, silent; got "verbose"',
  );
  log.info('quiet');
  log.warn('loud');
  expect(lines).toHaveLength(1);
});

test('a refusal shows no secret', () => {
  const password = 'hunter2-hunter2';
  const secret: [() => unknown, string][] = [
    [() => door.createLogger({ secrets: password as never }), 'secrets'],
    [() => door.createLogger({ secrets: [password, 5] as never }), 'secrets'],
    [
      () =>
        door.instrumentFetch(metrics(), { apis: { [`https://me:${password}@api.example.com`]: 'quotes' } }),
      'apis',
    ],
    [() => new door.Retry({ name: 'x', budget: { password } as never }), 'budget'],
  ];
  for (const [make, option] of secret) {
    const error = refusal({ ...MAKERS.createLogger!, make }, undefined);
    expect(error.option).toBe(option);
    expect(error.message).not.toContain(password);
  }
});
