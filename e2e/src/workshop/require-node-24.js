// JavaScript, not TypeScript: every npm script loads this first (`node --import`), so that a Node
// too old to read TypeScript says so in a sentence instead of ERR_UNKNOWN_FILE_EXTENSION.
const needed = 24;
const running = Number(process.versions.node.split('.')[0]);
if (running < needed) {
  process.stderr.write(
    `Stoa needs Node ${needed} or newer; this is Node ${process.versions.node}.\n` +
      'On Linux (x64 and arm64) `npm ci` installs Node 24 for this project, and npm scripts use it:\n' +
      'run `npm ci`, without --omit=optional, and then `npm run ...` rather than `node ...`.\n' +
      'Elsewhere install Node 24 yourself: https://nodejs.org/en/download\n',
  );
  process.exit(1);
}
