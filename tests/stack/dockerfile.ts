/** Owns reading the Dockerfile as the steps of its stages, so that a test can follow them without an engine. */

/** One instruction: its word and the rest, continued lines joined. */
export interface Instruction {
  readonly word: string;
  readonly text: string;
}

/** One stage, in the order of its instructions. */
export interface Stage {
  readonly name: string;
  readonly base: string;
  readonly instructions: readonly Instruction[];
}

/** What the last stage says of the image. */
export interface Image {
  readonly user: string;
  readonly port: number;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly healthcheck: readonly string[] | undefined;
  readonly environment: Readonly<Record<string, string>>;
}

/** The stages; the last one has the name ''. */
export function stagesOf(text: string): readonly Stage[] {
  const stages: { name: string; base: string; instructions: Instruction[] }[] = [];
  const lines = text.replace(/^\s*#.*\n/gm, '').replace(/\\\n\s*/g, ' ');
  for (const line of lines.split('\n').filter((l) => l.trim() !== '')) {
    const [, word = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    if (word === '') throw new Error(`no instruction: ${line}`);
    if (word === 'FROM') {
      const [base = '', , name = ''] = rest.split(/\s+/);
      stages.push({ name, base, instructions: [] });
    } else stages.at(-1)?.instructions.push({ word, text: rest });
  }
  return stages;
}

/** Sources, destination and stage of a COPY. */
export function copyOf(text: string): { from: string | undefined; sources: string[]; to: string } {
  const words = text.split(/\s+/);
  const from = words[0]?.startsWith('--from=') ? words.shift()!.slice('--from='.length) : undefined;
  const to = words.pop() ?? '';
  return { from, sources: words, to };
}

/** What whoever starts the image gets. */
export function imageOf(text: string): Image {
  const { instructions } = stagesOf(text).at(-1)!;
  const last = (word: string) => instructions.findLast((i) => i.word === word)?.text;
  const list = (json: string | undefined) => (json === undefined ? [] : (JSON.parse(json) as string[]));
  const check = last('HEALTHCHECK')?.replace(/^.*?CMD\s+/, '');
  const environment = instructions
    .filter(({ word }) => word === 'ENV')
    .flatMap((i) => i.text.split(/\s+/))
    .map((pair) => pair.split('=', 2) as [string, string]);
  return {
    user: last('USER') ?? 'root',
    port: Number(last('EXPOSE')),
    entrypoint: list(last('ENTRYPOINT')),
    command: list(last('CMD')),
    healthcheck: check === undefined ? undefined : list(check),
    environment: Object.fromEntries(environment),
  };
}
