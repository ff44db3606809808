/** Where the portal keeps what its users write: a volume of its own, or a database that all servers share. */
export interface Storage {
  /** Settles with the name of the volume once the write cannot be lost any more. */
  append(client: string, seq: number): Promise<string>;
  /** One line for each write, in the order they were made. */
  lines(): Promise<Buffer>;
  /** `bytes`: how much of the lines goes into the checksum. */
  digest(bytes: number): Promise<Digest>;
  /** What a bad release does to it. */
  damage(): Promise<void>;
  /** Why this release cannot work with it; undefined when it can. */
  problem(): Promise<string | undefined>;
}

export interface Digest {
  readonly volume: string;
  /** Size of the log of writes. */
  readonly bytes: number;
  readonly writes: number;
  /** Of the log's first bytes, as many as were asked for. */
  readonly sha256: string;
  /** Of the part that never changes. */
  readonly seed: string;
  readonly intact: boolean;
}
