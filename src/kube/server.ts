import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from '../shared/logger.ts';

export interface EndpointAnswer {
  status: number;
  body: string;
  contentType?: string;
}

/** What answers a GET of one path, e.g. "/healthz". */
export type Endpoint = () => EndpointAnswer | Promise<EndpointAnswer>;

export interface HealthServerOptions {
  host: string;
  /** 0 takes any free port. */
  port: number;
  endpoints: Readonly<Record<string, Endpoint>>;
  logger: Logger;
}

export interface HealthServer {
  port: number;
  close(): Promise<void>;
}

/** Serves probes and metrics over plain HTTP. @throws Error the port cannot be bound */
export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const server = createServer((request, response) => {
    answer(options, request, response).catch((error: unknown) => {
      options.logger.error('Health endpoint failed', { path: request.url, err: error });
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  server.headersTimeout = 10_000;
  server.requestTimeout = 10_000;
  server.maxConnections = 100;
  await listen(server, options.host, options.port);
  return { port: portOf(server.address()), close: () => close(server) };
}

async function answer(options: HealthServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url?.split('?', 1)[0] ?? '/';
  const endpoint = Object.hasOwn(options.endpoints, path) ? options.endpoints[path] : undefined;
  if (endpoint === undefined || (request.method !== 'GET' && request.method !== 'HEAD')) {
    response.writeHead(endpoint === undefined ? 404 : 405).end();
    return;
  }
  const { status, body, contentType = 'text/plain; charset=utf-8' } = await endpoint();
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function portOf(address: AddressInfo | string | null): number {
  return typeof address === 'object' && address !== null ? address.port : 0;
}
