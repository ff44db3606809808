import { createHash } from 'node:crypto';
import pg from 'pg';
import type { Digest, Storage } from './storage.ts';

/** How a release writes and reads; another schema than its own it does not understand. */
interface Dialect {
  readonly insert: string;
  readonly lines: string;
}

const dialects: Readonly<Record<string, Dialect>> = {
  '41': {
    insert: 'INSERT INTO writes (client, seq) VALUES ($1, $2) RETURNING (SELECT id::text FROM identity) AS text',
    lines: "SELECT coalesce(string_agg(client || ' ' || seq || E'\\n', '' ORDER BY id), '') AS text FROM writes",
  },
  '42': {
    insert: `INSERT INTO writes (client, number, release) VALUES ($1, $2, '2.0.0')
      RETURNING (SELECT id::text FROM identity) AS text`,
    lines: "SELECT coalesce(string_agg(client || ' ' || number || E'\\n', '' ORDER BY id), '') AS text FROM writes",
  },
};

interface Identity {
  readonly id: string;
  readonly now: string;
  readonly sha256: string;
}

/** Every write is a transaction of its own, acknowledged after its commit. Connections come from `PG*` or a URL. */
export class DatabaseStore implements Storage {
  readonly #pool: pg.Pool;
  readonly #release: string;
  readonly #schema: string;
  readonly #dialect: Dialect;

  /** @throws RangeError for a schema that no release knows */
  constructor(options: { readonly release: string; readonly schema: string; readonly url: string | undefined }) {
    const dialect = dialects[options.schema];
    if (dialect === undefined) throw new RangeError(`no release works with schema ${options.schema}`);
    this.#dialect = dialect;
    this.#release = options.release;
    this.#schema = options.schema;
    this.#pool = new pg.Pool({
      ...(options.url === undefined ? {} : { connectionString: options.url }),
      max: 10,
      connectionTimeoutMillis: 4_000,
      query_timeout: 4_000,
      keepAlive: true,
    });
    // Idle connections end when the database is restored; without a listener that would end the process.
    this.#pool.on('error', (error) => console.error(`connection to the database lost: ${error.message}`));
  }

  append(client: string, seq: number): Promise<string> {
    return this.#text(this.#dialect.insert, [client, seq]);
  }

  async lines(): Promise<Buffer> {
    return Buffer.from(await this.#text(this.#dialect.lines));
  }

  async digest(bytes: number): Promise<Digest> {
    const log = await this.lines();
    const { rows } = await this.#pool.query<Identity>(
      "SELECT id::text, encode(sha256(seed), 'hex') AS now, sha256 FROM identity",
    );
    const [identity] = rows;
    if (identity === undefined) throw new Error('the database does not say which one it is');
    return {
      volume: identity.id,
      bytes: log.length,
      writes: log.reduce((count, byte) => (byte === 10 ? count + 1 : count), 0),
      sha256: createHash('sha256').update(log.subarray(0, bytes)).digest('hex'),
      seed: identity.now,
      intact: identity.now === identity.sha256,
    };
  }

  async damage(): Promise<void> {
    await this.#pool.query("DELETE FROM writes WHERE id % 2 = 0; UPDATE identity SET seed = '\\x00'");
  }

  async problem(): Promise<string | undefined> {
    try {
      const found = await this.#text('SELECT version AS text FROM schema_version');
      if (found === this.#schema) return undefined;
      return `portal ${this.#release} needs schema ${this.#schema}, the database has schema ${found}`;
    } catch (error) {
      return `the database cannot be asked: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  async #text(sql: string, values: readonly unknown[] = []): Promise<string> {
    const { rows } = await this.#pool.query<{ text: string }>(sql, [...values]);
    return rows[0]?.text ?? '';
  }
}
