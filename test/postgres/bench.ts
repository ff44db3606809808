/** One database, one folder for backups and one for migrations, and the wrapper as a Job starts it. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { owner, programs } from './local-server.ts';
import type { LocalServer } from './local-server.ts';

const example = fileURLToPath(new URL('../../deploy/examples/major', import.meta.url));
const configMap = z.object({ data: z.record(z.string(), z.string()) });
const message = z.record(z.string(), z.string());

/** Files of a ConfigMap of the example, so that what is tested is what is shipped. */
export function exampleFiles(name: string): Record<string, string> {
  const documents = parseAllDocuments(readFileSync(join(example, 'database.yaml'), 'utf8'));
  const found = documents.find((document) => {
    return document.get('kind') === 'ConfigMap' && document.getIn(['metadata', 'name']) === name;
  });
  return configMap.parse(found?.toJS()).data;
}

export interface Outcome {
  readonly code: number;
  /** The termination message. */
  readonly answer: Readonly<Record<string, string>>;
  readonly log: string;
}

export interface Job {
  readonly pid: number;
  /** The log up to now. */
  log(): string;
  readonly ended: Promise<Outcome>;
}

export type Environment = Readonly<Record<string, string>>;

export class Bench {
  readonly database: string;
  readonly backups: string;
  readonly #server: LocalServer;
  readonly #folder: string;
  #jobs = 0;

  private constructor(server: LocalServer, database: string) {
    this.database = database;
    this.#server = server;
    this.#folder = join(server.folder, database);
    this.backups = join(this.#folder, 'backups');
  }

  /** A database with the schema of portal 1.x and twenty writes in it. */
  static async make(server: LocalServer, database: string): Promise<Bench> {
    const bench = new Bench(server, database);
    mkdirSync(bench.backups, { recursive: true });
    await server.query('postgres', `CREATE DATABASE "${database}" OWNER ${owner.user}`);
    await bench.query(`SET ROLE ${owner.user}; ${exampleFiles('portal-schema')['schema-41.sql'] ?? ''}`);
    await bench.query(
      `SET ROLE ${owner.user}; INSERT INTO writes (client, seq) SELECT 'ann', n FROM generate_series(1, 20) n`,
    );
    bench.migration(exampleFiles('portal-migrations')['41-42.sql'] ?? '');
    return bench;
  }

  query(sql: string): Promise<string> {
    return this.#server.query(this.database, sql);
  }

  /** Asks about the server, past the database: sessions in it do not count this one. */
  activity(sql: string): Promise<string> {
    return this.#server.query('postgres', sql);
  }

  /** `backups`, `migrations` or `checks`. */
  folderOf(name: string): string {
    return join(this.#folder, name);
  }

  /** What is mounted as the way from 41 to 42. */
  migration(sql: string, name = '41-42.sql'): void {
    mkdirSync(join(this.#folder, 'migrations'), { recursive: true });
    writeFileSync(join(this.#folder, 'migrations', name), sql);
  }

  /** Databases whose name begins with that of this one. */
  async databases(): Promise<string[]> {
    const names = await this.#server.query('postgres', 'SELECT datname FROM pg_database ORDER BY 1');
    return names.split('\n').filter((name) => name.startsWith(this.database));
  }

  /** Rows in the order of their keys, and how the tables are made. */
  async content(): Promise<string> {
    const tables =
      await this.query(`SELECT string_agg(table_name || '.' || column_name, ' ' ORDER BY table_name, column_name)
      FROM information_schema.columns WHERE table_schema = 'public'`);
    const rows = await this.query('TABLE schema_version; TABLE identity; SELECT * FROM writes ORDER BY id');
    return `${tables}\n${rows}`;
  }

  run(verb: string, environment: Environment = {}): Promise<Outcome> {
    return this.start(verb, environment).ended;
  }

  /** Runs a verb with the variables of the contract, like a Job of the example. */
  start(verb: string, environment: Environment = {}): Job {
    this.#jobs += 1;
    const result = join(this.#folder, `result-${this.#jobs}`);
    rmSync(result, { force: true });
    const child = spawn('sh', [join(example, 'pg-tools', 'belay-pg'), verb], {
      // A group of its own: a killed container takes all its processes with it.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...this.#variables(), BELAY_RESULT_FILE: result, ...environment },
    });
    const output: Buffer[] = [];
    child.stdout.on('data', (part: Buffer) => output.push(part));
    child.stderr.on('data', (part: Buffer) => output.push(part));
    const log = (): string => Buffer.concat(output).toString('utf8');
    const ended = new Promise<Outcome>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve({ code: code ?? 137, answer: readAnswer(result), log: log() }));
    });
    return { pid: child.pid ?? 0, log, ended };
  }

  #variables(): Environment {
    return {
      PATH: `${programs}:${process.env['PATH'] ?? ''}`,
      PGUSER: owner.user,
      PGPASSWORD: owner.password,
      BELAY_DB_HOST: '127.0.0.1',
      BELAY_DB_PORT: `${this.#server.port}`,
      BELAY_DB_NAME: this.database,
      BELAY_RUN: 'portal-7',
      BELAY_FROM_SCHEMA: '41',
      BELAY_TO_SCHEMA: '42',
      BELAY_BACKUPS: this.backups,
      BELAY_MIGRATIONS: join(this.#folder, 'migrations'),
      BELAY_CHECKS: join(this.#folder, 'checks'),
    };
  }
}

function readAnswer(file: string): Record<string, string> {
  return existsSync(file) ? message.parse(JSON.parse(readFileSync(file, 'utf8'))) : {};
}
