/** What `logs`, `by-hand` and `report` have in common: one run is read and told. */
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { TerminalError } from '../shared/errors.ts';
import { findRun, readOptions, type FoundRun } from './read-run.ts';

export interface ReadCommand {
  readonly usage: string;
  /** Beside those that all of them take. */
  readonly options: ParseArgsOptionsConfig;
  /** @throws RangeError the options ask for what is not there */
  readonly tell: (found: FoundRun, values: Readonly<Record<string, unknown>>) => string;
}

/**
 * @param args what follows the name of the command
 * @returns the exit status: 0, or 2 where the command is wrong or the run cannot be read
 */
export type Command = (
  args: readonly string[],
  write: (text: string) => void,
  complain?: (text: string) => void,
) => Promise<number>;

export function createReadCommand(command: ReadCommand): Command {
  return (args, write, complain = write) => perform(command, args, write, complain);
}

async function perform(
  { usage, options, tell }: ReadCommand,
  args: readonly string[],
  write: (text: string) => void,
  complain: (text: string) => void,
): Promise<number> {
  try {
    const taken: ParseArgsOptionsConfig = { ...options, ...readOptions };
    const { values, positionals } = parseArgs({ args: [...args], options: taken, allowPositionals: true });
    if (values['help'] === true) {
      write(usage);
      return 0;
    }
    if (positionals.length > 1) throw new RangeError(`one run at a time: ${positionals.join(', ')}`);
    const { namespace, file } = values;
    const found = await findRun({
      name: positionals[0] ?? '',
      namespace: typeof namespace === 'string' ? namespace : undefined,
      files: Array.isArray(file) ? file.map(String) : [],
    });
    write(tell(found, values));
    return 0;
  } catch (error) {
    // Words for a person; anything else is a defect and keeps its stack.
    if (!(error instanceof RangeError || error instanceof TerminalError || isUsageError(error))) throw error;
    complain(`${error.message}\n`);
    return 2;
  }
}

function isUsageError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}
