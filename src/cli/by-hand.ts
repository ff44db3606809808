/** `belay by-hand`: how to finish a run without the operator. */
import { computeByHand } from '../status/by-hand/by-hand.ts';
import { createReadCommand } from './read-command.ts';
import { readUsage } from './read-run.ts';

const usage = `Usage: belay by-hand RUN [options]

Prints, from the journal of a run alone, how to finish it without the operator: the commands that go on, those that go
back, and those that take away what is left of it. Nothing is run. Read it before you need it.

${readUsage}`;

export const byHand = createReadCommand({
  usage,
  options: {},
  tell: ({ run }) => `${computeByHand(run).join('\n')}\n`,
});
