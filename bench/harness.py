"""What all benches share: building, peers' environments, one measured process, pairs, tables.

Only the standard library: the peers' packages live in environments of their own.
"""

import hashlib
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "bench"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
WORK = TARGET / "bench"
EXAMPLE = ROOT / "examples" / "flights"


@dataclass
class Sample:
    """One process, its children included: seconds, seconds of CPU, MiB at its peak, and what it printed."""

    wall: float
    cpu: float
    peak: float
    output: str = ""


def measured(command: list, cwd: Path | None = None, env: dict | None = None) -> Sample:
    """Runs a command to its end. One that fails ends the bench, with what it printed."""
    log = WORK / f"last-command-{os.getpid()}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        start = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in command], cwd=cwd, env={**os.environ, **(env or {})}, stdout=out, stderr=subprocess.STDOUT
        )
        # wait4 and not wait: it gives the CPU time and memory of this very process.
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    output = log.read_text(errors="replace")
    if process.returncode != 0:
        sys.exit(f"failed ({process.returncode}): {' '.join(map(str, command))}\n{output[-4000:]}")
    return Sample(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output)


class Bench:
    def __init__(self, pairs: int, small: bool, scale: str = "1"):
        self.pairs, self.scale, self.small = pairs, scale, small

    def machine(self) -> str:
        cpu = platform.processor() or platform.machine()
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
        return f"{os.cpu_count()} cores ({cpu}), {memory:.0f} GiB, {platform.system()}; load at the start {load}"

    def forebay(self) -> Path:
        """Our program, as it is released."""
        cargo("build", "-p", "forebay")
        return TARGET / "release" / "forebay"

    def example(self, package: str, name: str) -> Path:
        """A small program over one of our crates."""
        # Together with the program: the same features, so that nothing heavy is built twice.
        cargo("build", "-p", "forebay", "-p", package, "--example", name)
        return TARGET / "release" / "examples" / name

    def peers(self, name: str) -> Path:
        """The folder of programs of an environment with the packages of requirements/<name>.txt."""
        wanted = HERE / "requirements" / f"{name}.txt"
        folder = TARGET / "bench-venv" / name
        stamp = folder / hashlib.sha256(wanted.read_bytes()).hexdigest()
        if not stamp.exists():
            shutil.rmtree(folder, ignore_errors=True)
            print(f"installing {wanted.relative_to(ROOT)}", file=sys.stderr)
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            subprocess.run([folder / "bin" / "pip", "install", "--quiet", "--requirement", wanted], check=True)
            stamp.touch()
        return folder / "bin"

    def folder(self, name: str) -> Path:
        """An empty folder."""
        folder = WORK / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def in_turn(self, sides: dict) -> dict:
        """Calls every side once a round, the first one changing, and collects what they return."""
        found: dict = {name: [] for name in sides}
        names = list(sides)
        for turn in range(self.pairs):
            at = turn % len(names)
            for name in names[at:] + names[:at]:
                found[name].append(sides[name]())
                print(".", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        return found


def cargo(*arguments: str) -> None:
    command = ["cargo", arguments[0], "--release", "--locked", *arguments[1:]]
    subprocess.run(command, cwd=ROOT, check=True)


def tables(rows: dict, figures: list, ours: str = "forebay") -> None:
    """Medians of each side, and the median of the ratios peer to ours, pair by pair.

    `figures` are (heading, how to read it from a sample, digits).
    """
    headings = [heading for heading, _, _ in figures]
    print("| | " + " | ".join(headings) + " |")
    print("|---|" + "---:|" * len(headings))
    for name, samples in rows.items():
        medians = (f"{statistics.median(map(read, samples)):.{digits}f}" for _, read, digits in figures)
        print(f"| {name} | " + " | ".join(medians) + " |")
    for name, samples in rows.items():
        if name != ours:
            ratios = (ratio(samples, rows[ours], read) for _, read, _ in figures)
            print(f"| {name} / {ours} | " + " | ".join(ratios) + " |")
    print(flush=True)


def ratio(peer: list, own: list, read) -> str:
    """The median of the ratios of each pair, and the least and the greatest."""
    ratios = sorted(read(a) / read(b) for a, b in zip(peer, own) if read(b))
    if not ratios:
        return "-"
    return f"**{statistics.median(ratios):.2f}** ({ratios[0]:.2f}–{ratios[-1]:.2f})"


PROCESS = [
    ("wall s", lambda sample: sample.wall, 2),
    ("CPU s", lambda sample: sample.cpu, 2),
    ("peak MiB", lambda sample: sample.peak, 0),
]
