"""Asks an MLServer that serves runtime.py what transcripts/mlserver.json asks, and writes what it answers now.

    mlserver start conformance/oip & python3 conformance/oip/record.py http://127.0.0.1:8080
"""

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

# Headers of an answer that a client looks at.
KEPT = {"content-type", "retry-after", "inference-header-content-length"}


def send(base, exchange):
    body = bytes.fromhex(exchange["body_hex"]) if "body_hex" in exchange else exchange.get("body", "").encode()
    method = exchange["method"]
    request = urllib.request.Request(
        base + exchange["path"], body if method == "POST" else None, exchange["headers"], method=method
    )
    try:
        answer = urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        answer = error
    headers = {name.lower(): value for name, value in answer.headers.items() if name.lower() in KEPT}
    return {**exchange, "status": answer.status, "answer_headers": headers, "answer": answer.read().decode()}


def main(base):
    path = Path(__file__).parent / "transcripts" / "mlserver.json"
    transcript = json.loads(path.read_text())
    transcript["exchanges"] = [send(base, exchange) for exchange in transcript["exchanges"]]
    path.write_text(json.dumps(transcript, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
