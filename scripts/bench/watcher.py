# The watcher that everybody writes first: what the benchmark holds ours against.
# watcher.py SECONDS COMMAND...: the first wait; below zero it ends with its child.
import signal
import subprocess
import sys
import time

FIRST, LONGEST, HEALTHY = float(sys.argv[1]), 3600.0, 120.0
command = sys.argv[2:]
child = None
stopping = False


def stop(signum, frame):
    global stopping
    stopping = True
    if child is not None:
        child.terminate()


signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, stop)
wait = FIRST
while not stopping:
    started = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.PIPE)
    for line in child.stdout:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
    code = child.wait()
    print(f"exited with {code}", file=sys.stderr)
    if FIRST < 0:
        break
    if time.monotonic() - started > HEALTHY:
        wait = FIRST
    if wait:
        time.sleep(wait)
    wait = min(wait * 2, LONGEST)
