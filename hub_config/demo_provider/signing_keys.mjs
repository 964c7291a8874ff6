// The key that signs ID tokens: made once, kept, so that a restart of the provider does
// not invalidate what it signed before.

import { generateKeyPair, randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** The JSON Web Key Set kept in the file at `path`; made if there is none. */
export async function signingKeys(path) {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  const key = { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'RS256' };
  const keys = { keys: [key] };
  await writeFile(path, JSON.stringify(keys), { mode: 0o600, flag: 'wx' });
  return keys;
}
