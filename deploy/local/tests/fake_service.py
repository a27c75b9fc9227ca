"""Stands in for a service in tests of the runner: it is ready when asked, and shows what it was started with."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Answers(BaseHTTPRequestHandler):
    """/health/ready says ok; /environment gives the FVM_ variables and the pid."""

    def do_GET(self) -> None:
        shown = {name: value for name, value in os.environ.items() if name.startswith("FVM_")}
        body = json.dumps({"status": "ok", "pid": os.getpid(), "environment": shown}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


if __name__ == "__main__":
    ThreadingHTTPServer((os.environ["FVM_HOST"], int(os.environ["FVM_PORT"])), Answers).serve_forever()
