// The bundle's own syntax is that of Node 22: an older one is told before it reads the bundle.
const OLDEST = 22;

if (Number(process.versions.node.split('.')[0]) < OLDEST) {
  process.stderr.write(
    `agent-watch: Node ${process.version} at ${process.execPath} is too old; install Node ${OLDEST} or newer\n`,
  );
  process.exitCode = 125;
} else {
  require('./agent-watch.cjs');
}
