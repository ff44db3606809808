import { createPrivateKey, sign } from 'node:crypto';

/** The same certificate with an end in the past, signed anew: the validity is rewritten inside the DER. */
export function expire({ cert, key }: { cert: string; key: string }): { cert: string; key: string } {
  const der = Buffer.from(cert.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
  const whole = contentOf(der);
  const bodyLength = contentOf(whole).length + headerLength(whole);
  const body = Buffer.from(whole.subarray(0, bodyLength));
  const algorithm = whole.subarray(bodyLength, bodyLength + headerLength(whole.subarray(bodyLength)) + contentOf(whole.subarray(bodyLength)).length);
  body.write('210101000000Z', body.indexOf('491231235959Z'), 'latin1');
  const signature = sign('sha256', body, createPrivateKey(key));
  const bits = Buffer.concat([Buffer.from([0x03, signature.length + 1, 0]), signature]);
  const content = Buffer.concat([body, algorithm, bits]);
  const outer = Buffer.concat([Buffer.from([0x30, 0x82, content.length >> 8, content.length & 0xff]), content]);
  return { cert: `-----BEGIN CERTIFICATE-----\n${outer.toString('base64')}\n-----END CERTIFICATE-----\n`, key };
}

function headerLength(der: Buffer): number {
  const first = der[1] ?? 0;
  return first < 0x80 ? 2 : 2 + (first & 0x7f);
}

function contentOf(der: Buffer): Buffer {
  const header = headerLength(der);
  const length = header === 2 ? (der[1] ?? 0) : der.readUIntBE(2, header - 2);
  return der.subarray(header, header + length);
}
