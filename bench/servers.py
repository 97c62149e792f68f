"""Servers under load: starting and stopping them, requests, and what they cost. Loopback only."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from harness import WORK

TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Load:
    """Latencies in ms, ascending, and the server's CPU time in µs a request."""

    latencies: list
    cpu_us: float

    def share(self, part: float) -> float:
        return self.latencies[min(len(self.latencies) - 1, int(part * len(self.latencies)))]


class Server:
    """A server process with all its children, until the end of the `with` block."""

    def __init__(self, command: list, port: int, ready: str, cwd: Path | None = None, env: dict | None = None):
        self.command, self.port, self.ready, self.cwd, self.env = command, port, ready, cwd, env

    def __enter__(self) -> "Server":
        self.log = (WORK / "last-server.log").open("wb")
        self.process = subprocess.Popen(
            [str(part) for part in self.command],
            cwd=self.cwd, env={**os.environ, **(self.env or {})},
            stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True,
        )
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError), Connection(self.port) as connection:
                if connection.call(get(self.ready))[0] < 500:
                    return self
            time.sleep(0.1)
        self.__exit__()
        sys.exit(f"did not start: {' '.join(map(str, self.command))}\n{(WORK / 'last-server.log').read_text()[-4000:]}")

    def __exit__(self, *_) -> None:
        # Its own session, so its own group: workers that it started end with it.
        for kind, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, kind)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
                break
        self.log.close()

    def cpu(self) -> float:
        """Seconds so far, of the server, its children and those that it has already waited for."""
        return sum(ticks(pid) for pid in tree(self.process.pid)) / TICK

    def memory(self) -> float:
        """Resident MiB of the server and its children, shared pages counted once a process."""
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in tree(self.process.pid))
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def one_by_one(self, requests: list, count: int) -> Load:
        """As fast as the answers come, over one connection that is kept."""
        with Connection(self.port) as connection:
            for request in requests[:200]:
                connection.expect(request)
            before, latencies = self.cpu(), []
            for number in range(count):
                start = time.perf_counter()
                connection.expect(requests[number % len(requests)])
                latencies.append((time.perf_counter() - start) * 1e3)
        return Load(sorted(latencies), (self.cpu() - before) * 1e6 / count)

    def drained(self, request: bytes, count: int) -> Load:
        """As `one_by_one`, of answers that are too large to keep."""
        with Connection(self.port) as connection:
            connection.drain(request)
            before, latencies = self.cpu(), []
            for _ in range(count):
                start = time.perf_counter()
                connection.drain(request)
                latencies.append((time.perf_counter() - start) * 1e3)
        return Load(sorted(latencies), (self.cpu() - before) * 1e6 / count)

    def at_rate(self, requests: list, rate: int, seconds: int, connections: int = 8) -> Load:
        """So many a second, whether or not answers come. A latency counts from when its request was due."""
        self.one_by_one(requests, 200)
        latencies: list = []
        before, begin = self.cpu(), time.perf_counter() + 0.1
        count = rate * seconds

        def work(first: int) -> None:
            own = []
            with Connection(self.port) as connection:
                for number in range(first, count, connections):
                    due = begin + number / rate
                    time.sleep(max(0.0, due - time.perf_counter()))
                    connection.expect(requests[number % len(requests)])
                    own.append((time.perf_counter() - due) * 1e3)
            latencies.extend(own)

        threads = [threading.Thread(target=work, args=(first,)) for first in range(connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if len(latencies) != count:
            sys.exit(f"{count - len(latencies)} of {count} requests failed")
        return Load(sorted(latencies), (self.cpu() - before) * 1e6 / count)


class Connection:
    """A kept HTTP/1.1 connection with the least work of our own: what is measured is the server."""

    def __init__(self, port: int):
        self.port = port
        self.open()

    def open(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_) -> None:
        self.socket.close()

    def call(self, request: bytes) -> tuple[int, bytes]:
        self.ask(request)
        return self.answered()

    def ask(self, request: bytes) -> None:
        # Who is asked, with the port, as every client says it.
        self.socket.sendall(request.replace(b"Host: 127.0.0.1\r\n", b"Host: 127.0.0.1:%d\r\n" % self.port, 1))

    def head(self) -> tuple[int, dict]:
        lines = self.until(lambda: self.buffer.find(b"\r\n\r\n") + 4, 4).split(b"\r\n")
        fields = {line.split(b":", 1)[0].lower(): line.split(b":", 1)[1].strip() for line in lines[1:] if b":" in line}
        return int(lines[0].split()[1]), fields

    def answered(self) -> tuple[int, bytes]:
        status, fields = self.head()
        if fields.get(b"transfer-encoding", b"").lower() == b"chunked":
            body = self.chunks()
        else:
            size = int(fields.get(b"content-length", b"0"))
            body = self.until(lambda: size if len(self.buffer) >= size else -1, 0) if size else b""
        return status, body

    def drain(self, request: bytes) -> None:
        """Reads a good answer of a known length, or one that comes in chunks, and keeps nothing of it."""
        self.ask(request)
        status, fields = self.head()
        if status != 200:
            sys.exit(f"answer {status}")
        if fields.get(b"transfer-encoding", b"").lower() == b"chunked":
            return self.drain_chunks()
        left, memory = int(fields[b"content-length"]) - len(self.buffer), bytearray(1 << 18)
        self.buffer = b""
        while left > 0:
            more = self.socket.recv_into(memory)
            if not more:
                raise ConnectionResetError("the server closed the connection")
            left -= more

    def drain_chunks(self) -> None:
        while size := int(self.until(lambda: self.buffer.find(b"\r\n") + 2, 2), 16):
            self.until(lambda: size + 2 if len(self.buffer) >= size + 2 else -1, 0)
        self.until(lambda: self.buffer.find(b"\r\n") + 2, 2)

    def expect(self, request: bytes) -> bytes:
        """The body of a good answer. A server that ends a kept connection is asked again, as any client would."""
        deadline = time.monotonic() + 30
        while True:
            try:
                status, body = self.call(request)
                break
            except ConnectionError:
                self.socket.close()
                self.reopen(deadline)
        if status != 200:
            sys.exit(f"answer {status}: {body[:2000].decode(errors='replace')}")
        return body

    def reopen(self, deadline: float) -> None:
        while True:
            try:
                return self.open()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.001)

    def until(self, end, least: int) -> bytes:
        """Takes what stands before `end()`, reading until that is `least` or more."""
        while (at := end()) < least:
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionResetError("the server closed the connection")
            self.buffer += more
        taken, self.buffer = self.buffer[:at], self.buffer[at:]
        return taken

    def chunks(self) -> bytes:
        body = b""
        while True:
            size = int(self.until(lambda: self.buffer.find(b"\r\n") + 2, 2), 16)
            chunk = self.until(lambda: size + 2 if len(self.buffer) >= size + 2 else -1, 0)
            if size == 0:
                return body
            body += chunk[:-2]


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def post(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def tree(pid: int) -> list[int]:
    """The process and everything below it."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def ticks(pid: int) -> int:
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(map(int, fields[11:15]))  # utime, stime, and those of children that have ended
    return 0
