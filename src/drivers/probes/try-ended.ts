import type { Answer, TryResult } from './attempts.ts';

/** Ends one try from inside its parts with the answer it has; caught where the try began. */
export class TryEnded extends Error {
  override readonly name = 'TryEnded';
  readonly result: TryResult;

  constructor(answer: Answer, message: string, final = false) {
    super(message);
    this.result = { answer, message, final };
  }
}
