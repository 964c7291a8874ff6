const jestJupyterLab = require('@jupyterlab/testutils/lib/jest-config');

// Lab's packages are ES modules: these must go through the transform as well.
const esModules = [
  '@codemirror',
  '@jupyter',
  '@jupyterlab/',
  '@microsoft',
  '@rjsf',
  'exenv-es6',
  'lib0',
  'marked',
  'nanoid',
  'vscode-ws-jsonrpc',
  'y-protocols',
  'y-websocket',
  'yjs'
].join('|');

module.exports = {
  ...jestJupyterLab(__dirname),
  automock: false,
  collectCoverageFrom: ['src/**/*.{ts,tsx}', '!src/**/*.d.ts'],
  coverageReporters: ['text'],
  // The built extension carries a second package.json of the same name.
  modulePathIgnorePatterns: ['<rootDir>/labwerk_lab/labextension'],
  testRegex: 'src/.*/.*\\.spec\\.tsx?$',
  transformIgnorePatterns: [`/node_modules/(?!${esModules}).+`]
};
