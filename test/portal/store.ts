import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { existsSync, fsync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import type { Digest, Storage } from './storage.ts';

interface Waiting {
  readonly line: string;
  readonly done: (error: Error | null) => void;
}

/** A volume: an append-only log of writes, and a megabyte that never changes with its checksum beside it. */
export class Store implements Storage {
  readonly #volume: string;
  readonly #folder: string;
  readonly #file: number;
  #waiting: Waiting[] = [];
  #isBusy = false;

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    if (!existsSync(`${folder}/volume`)) {
      const seed = randomBytes(1 << 20);
      writeFileSync(`${folder}/seed`, seed, { flush: true });
      writeFileSync(`${folder}/seed.sha256`, sha256(seed), { flush: true });
      // Named last and by rename: a volume with a name is complete.
      writeFileSync(`${folder}/volume.new`, randomUUID(), { flush: true });
      renameSync(`${folder}/volume.new`, `${folder}/volume`);
    }
    this.#volume = readFileSync(`${folder}/volume`, 'utf8');
    this.#folder = folder;
    this.#file = openSync(`${folder}/writes.log`, 'a');
  }

  /** Settles once the line is on the disk; lines that arrive meanwhile share the next flush. */
  append(client: string, seq: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const done = (error: Error | null): void => (error === null ? resolve(this.#volume) : reject(error));
      this.#waiting.push({ line: `${client} ${seq}`, done });
      if (!this.#isBusy) this.#flush();
    });
  }

  async lines(): Promise<Buffer> {
    return readFileSync(`${this.#folder}/writes.log`);
  }

  async problem(): Promise<undefined> {
    return undefined;
  }

  async digest(bytes: number): Promise<Digest> {
    const log = await this.lines();
    const seed = sha256(readFileSync(`${this.#folder}/seed`));
    return {
      volume: this.#volume,
      bytes: log.length,
      writes: log.reduce((count, byte) => (byte === 10 ? count + 1 : count), 0),
      sha256: sha256(log.subarray(0, bytes)),
      seed,
      intact: seed === readFileSync(`${this.#folder}/seed.sha256`, 'utf8'),
    };
  }

  /** What a bad migration does: the second half of the log and some of the rest are gone. */
  async damage(): Promise<void> {
    const log = await this.lines();
    writeFileSync(`${this.#folder}/writes.log`, log.subarray(0, log.length / 2), { flush: true });
    writeFileSync(`${this.#folder}/seed`, randomBytes(1 << 19), { flush: true });
  }

  #flush(): void {
    const batch = this.#waiting;
    this.#waiting = [];
    this.#isBusy = true;
    writeSync(this.#file, batch.map((entry) => `${entry.line}\n`).join(''));
    fsync(this.#file, (error) => {
      for (const entry of batch) entry.done(error);
      this.#isBusy = false;
      if (this.#waiting.length > 0) this.#flush();
    });
  }
}

function sha256(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
