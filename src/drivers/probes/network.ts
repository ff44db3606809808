/** What a failed connection says about the server: nothing, or that it is wrong. */
import { DeadlineExceeded } from '../../kube/deadline.ts';
import { KubeError } from '../../kube/kube-error.ts';
import type { TlsRules } from '../send-http.ts';
import type { TryResult } from './attempts.ts';
import { readSecret, type SecretReader } from './secrets.ts';
import { TryEnded } from './try-ended.ts';

interface TlsSpec {
  readonly caFrom?: { readonly name: string; readonly key: string } | undefined;
  readonly serverName?: string | undefined;
  readonly insecureSkipVerify: boolean;
  readonly minVersion: '1.2' | '1.3';
}

export async function tlsRules(reader: SecretReader, spec: TlsSpec, signal: AbortSignal): Promise<TlsRules> {
  const { serverName, insecureSkipVerify, minVersion } = spec;
  const ca = spec.caFrom === undefined ? undefined : await readSecret(reader, spec.caFrom, signal);
  return { ca, serverName, insecureSkipVerify, minVersion };
}

/** Certificates that are refused: the server answered, and with the wrong proof. */
const certificateFaults: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'certificate has expired',
  CERT_NOT_YET_VALID: 'certificate is not valid yet',
  CERT_REVOKED: 'certificate is revoked',
  CERT_UNTRUSTED: 'certificate is not trusted',
  CERT_REJECTED: 'certificate is rejected',
  CERT_SIGNATURE_FAILURE: 'certificate has a bad signature',
  CERT_CHAIN_TOO_LONG: 'certificate chain is too long',
  INVALID_CA: 'certificate is signed by one that is no authority',
  INVALID_PURPOSE: 'certificate is not for a server',
  PATH_LENGTH_EXCEEDED: 'certificate chain is longer than its authority allows',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'certificate is not trusted: it is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'certificate is not trusted: its authority is unknown',
  UNABLE_TO_GET_ISSUER_CERT: 'certificate is not trusted: its authority is missing',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'certificate is not trusted: its authority is unknown',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'certificate is not trusted: its authority is unknown',
};

const silences: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ENOTFOUND: 'name not found',
  EAI_AGAIN: 'name service gave no answer',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'connection closed before the answer was complete',
  UND_ERR_SOCKET: 'connection closed before the answer was complete',
  ETIMEDOUT: 'timed out while connecting',
  UND_ERR_CONNECT_TIMEOUT: 'timed out while connecting',
};

/**
 * The meaning of what a try threw. Errors that are faults of this program stay what they are.
 * @param limit the time the try had, for the message
 */
export function resultOf(error: unknown, limit: string): TryResult {
  if (error instanceof TryEnded) return error.result;
  if (error instanceof DeadlineExceeded) return none(`no answer within ${limit}`);
  if (error instanceof KubeError) return none(`Kubernetes API: ${error.message}`);
  const coded = codedError(error);
  if (coded === undefined) throw error;
  const { code } = coded;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return fail(`certificate is for another name: ${coded.message}`);
  const fault = certificateFaults[code];
  if (fault !== undefined) return fail(fault);
  if (/UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|VERSION_TOO_LOW/.test(code)) return fail('TLS version is not accepted');
  if (code.startsWith('HPE_')) return fail(`answer is not HTTP: ${coded.message}`);
  if (code === 'UND_ERR_INVALID_ARG') return { ...fail(`request cannot be sent: ${coded.message}`), final: true };
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO') return none(`TLS handshake failed: ${code}`);
  return none(silences[code] ?? `no answer: ${coded.message}`);
}

const none = (message: string): TryResult => ({ answer: 'none', message });
const fail = (message: string): TryResult => ({ answer: 'fail', message });

interface Coded {
  readonly code: string;
  readonly message: string;
}

/** The innermost error with a code: connections to several addresses at once fail with one error that holds the others. */
function codedError(error: unknown): Coded | undefined {
  if (!(error instanceof Error)) return undefined;
  const inner: unknown = error instanceof AggregateError ? error.errors[0] : error.cause;
  const deeper = codedError(inner);
  if (deeper !== undefined) return deeper;
  if ('code' in error && typeof error.code === 'string') return { code: error.code, message: error.message };
  return undefined;
}
