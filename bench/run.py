"""Ourselves and a peer, in turn, on the same data. See README.md.

    python3 bench/run.py [sql] [tpch] [pit] [online] [predict] [trainers] [tracking] [--pairs N] [--scale N] [--small]

Builds the release binaries, puts pinned peers into target/bench-venv, and prints medians and ratios.
Without a name all of them run. `--small` shrinks the data, to try the scripts out: its figures mean nothing.
"""

import argparse
import importlib

from harness import Bench

NAMES = ["sql", "tpch", "pit", "online", "predict", "trainers", "tracking"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], metavar="name", help=", ".join(NAMES))
    parser.add_argument("--pairs", type=int, default=5, help="runs of each side (default 5)")
    parser.add_argument("--scale", default="1", help="scale factor of tpch (default 1)")
    parser.add_argument("--small", action="store_true", help="little data, only to try the scripts")
    arguments = parser.parse_args()
    bench = Bench(pairs=arguments.pairs, scale=arguments.scale, small=arguments.small)
    print(bench.machine(), flush=True)
    for name in arguments.names or NAMES:
        print(f"\n## {name}\n", flush=True)
        importlib.import_module(f"bench_{name}").run(bench)


if __name__ == "__main__":
    main()
