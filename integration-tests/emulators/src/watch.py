"""Runs a command and ends it when standard input closes.

The test holds the other end of that pipe. However the test ends, killed or not, the pipe closes
with it, so that no emulator outlives its test.
"""
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading


def die_with_parent():
    """Where the system can (Linux), the command also ends if this watcher is killed."""
    try:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    except (AttributeError, OSError):
        pass


is_over = threading.Event()
child = subprocess.Popen(
    sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=die_with_parent
)


def end():
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def watch():
    while os.read(0, 4096):
        pass
    is_over.set()
    end()


# An interrupt goes to the test as well; its end is what counts.
signal.signal(signal.SIGINT, signal.SIG_IGN)
threading.Thread(target=watch, daemon=True).start()
code = child.wait()
if is_over.is_set():
    # The folder was made for this run. What failed by itself leaves its log to the test.
    shutil.rmtree(os.getcwd(), ignore_errors=True)
os._exit(code if code >= 0 else 128 - code)
