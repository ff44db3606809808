/** Connections to one server: what the transport asks of them. */
import type { TlsMaterial } from './credentials.ts';

export interface TransportRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query below the server's address. */
  path: string;
  headers?: Readonly<Record<string, string | string[]>>;
  body?: string;
  /** Ends the request; the transport has no deadline of its own, except 10 s for a connection. */
  signal: AbortSignal;
  /** Calls share few connections; a watch, or a call that must never queue behind others, has its own. */
  lane: 'calls' | 'watches';
}

export interface TransportResponse {
  status: number;
  /** The first value of a header; the name in lower case. */
  header(name: string): string | undefined;
  /** Reads the body to its end. */
  text(): Promise<string>;
  /** The body as it comes. Leaving the iteration closes the connection. */
  body: AsyncIterable<Uint8Array>;
}

/** One exchange as a lane sees it. */
export interface LaneRequest {
  method: TransportRequest['method'];
  path: string;
  headers: Record<string, string | string[]>;
  body: string | undefined;
  signal: AbortSignal;
}

/** Connections to one server with one set of TLS material. HTTP/1.1: a dead multiplexed one would stall everything. */
export interface Lane {
  request(request: LaneRequest): Promise<TransportResponse>;
  /** Lets go of idle connections now, and of the others when they have done their work. */
  retire(): Promise<void>;
  /** Cuts off what runs. */
  destroy(): Promise<void>;
}

export interface LaneOptions {
  origin: string;
  tls: TlsMaterial;
  connections: number;
}
