"""Load on the server. See README.md."""

import json
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from serving import serve

HERE = pathlib.Path(__file__).resolve().parent
MODEL = "5a" * 32


def baseline(address, token):
    """Makes the model known whose summaries are sent: a classifier of texts with two classes."""
    body = {"version": 1, "schema": {"version": 1, "classes": 2, "input": "text", "energy": []}, "groups": []}
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{address}/v1/models/{MODEL}/baseline", json.dumps(body).encode(), headers, method="PUT")
    urllib.request.urlopen(request).read()


def memory(process, samples, over):
    """Megabytes of the process, each second."""
    while not over.wait(1):
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        samples.append(int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) // 1024)


def load(process, name, seconds, connections, address, arguments):
    """What wrk says of one kind of request."""
    samples, over = [], threading.Event()
    watch = threading.Thread(target=memory, args=(process, samples, over))
    watch.start()
    command = ["wrk", "-t2", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "30s", "-s", f"{name}.lua", address, "--", *arguments]
    said = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=True).stdout
    over.set()
    watch.join()
    lines = [line.strip() for line in said.splitlines()]
    wanted = ("50%", "99%", "Requests/sec", "Non-2xx", "Socket errors")
    print(f"{name}, {connections} connections, {seconds} s:", "; ".join(line for line in lines if line.startswith(wanted)))
    print(f"  memory, MB: {samples[:1]} at first, {samples[len(samples) // 2:][:1]} in the middle, {samples[-1:]} at last, {max(samples, default=0)} at most")


def main():
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    with tempfile.TemporaryDirectory() as folder:
        process, address, tokens = serve(pathlib.Path(folder))
        try:
            baseline(address, tokens["publisher"])
            day, seed = str(int(time.time()) // 86400), f"{random.getrandbits(32):08x}"
            load(process, "summaries", seconds, 64, address, [tokens["device"], MODEL, day, seed])
            load(process, "questions", seconds, 8, address, [tokens["device"], seed])
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
