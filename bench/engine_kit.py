"""What the programs here that measure `hearth engine` share: made-up models, a running engine, calls over its socket."""
import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HEARTH = os.path.join(ROOT, "build", "hearth")
MODELS = os.path.join(ROOT, "build", "bench-models")
START_SECONDS_MAX, END_SECONDS_MAX, ANSWER_SECONDS_MAX = 300, 60, 900


def about(threads):
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "?")
    return f"{commit}, {os.cpu_count()} cores of {cpu}, {threads} threads, load {os.getloadavg()[0]:.1f}"


def path_of(model):
    """Where the file of SHAPE:QUANT lies, or will."""
    return os.path.join(MODELS, model.replace(":", ".") + ".gguf")


def model_file(model):
    shape, quant = model.split(":")
    path = path_of(model)
    os.makedirs(MODELS, exist_ok=True)
    if not os.path.exists(path):
        subprocess.run([HEARTH, "bench", "--shape", shape, "--quant", quant, "--write", path], check=True)
    return path


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, seconds=ANSWER_SECONDS_MAX):
        super().__init__("engine", timeout=seconds)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


@contextlib.contextmanager
def engine(*arguments, binary=HEARTH, env=None, stderr=subprocess.DEVNULL):
    """A running `hearth engine`, its files and options in `arguments`: (path of its socket, process). It has ended afterwards."""
    with tempfile.TemporaryDirectory(prefix="hearth-engine-") as folder:
        path = os.path.join(folder, "s")
        process = subprocess.Popen([binary, "engine", *arguments, "--listen", f"unix:{path}"], env=env, stderr=stderr)
        try:
            until = time.monotonic() + START_SECONDS_MAX
            while not os.path.exists(path):
                if process.poll() is not None or time.monotonic() > until:
                    sys.exit(f"hearth engine {' '.join(arguments)}: it did not start")
                time.sleep(0.02)
            yield path, process
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(END_SECONDS_MAX)


def events(path, where, body):
    """The events of a stream, each with the seconds since it was asked for."""
    began = time.monotonic()
    c = UnixConnection(path)
    c.request("POST", where, json.dumps({**body, "stream": True, "stream_options": {"include_usage": True}}), {"content-type": "application/json"})
    reply = c.getresponse()
    if reply.status != 200:
        sys.exit(f"{where}: {reply.status} {reply.read().decode()}")
    for line in reply:
        if line.startswith(b"data: {"):
            yield time.monotonic() - began, json.loads(line[6:])
    c.close()
