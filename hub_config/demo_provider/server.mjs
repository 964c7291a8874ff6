// The demo's sign-in provider: `node server.mjs CONFIG.json`.
//
// CONFIG.json is written by `labwerk` from the settings file; its shape is
// ProviderConfig in labwerk_hub/machine/provider.py.

import { readFile } from 'node:fs/promises';

import { makeProvider } from './provider.mjs';
import { signingKeys } from './signing_keys.mjs';

async function main() {
  const path = process.argv[2] ?? process.env.LABWERK_PROVIDER_CONFIG;
  if (!path) {
    throw new Error('name the configuration: node server.mjs CONFIG.json');
  }
  const config = JSON.parse(await readFile(path, 'utf8'));
  const provider = makeProvider(config, {
    clientSecret: (await readFile(config.client.secret_file, 'utf8')).trim(),
    cookieKeys: (await readFile(config.cookie_keys_file, 'utf8')).trim().split('\n'),
    jwks: await signingKeys(config.signing_keys_file),
  });
  const server = provider.listen(config.port, config.host, () => {
    console.log(`The demo provider answers at ${config.issuer}`);
  });
  server.on('error', fail);
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.once(signal, () => {
      server.close(() => process.exit(0));
      server.closeIdleConnections();
    });
  }
}

function fail(error) {
  console.error(`The demo provider cannot start: ${error.message}`);
  process.exit(1);
}

main().catch(fail);
