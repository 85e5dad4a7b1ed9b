#!/usr/bin/env python3
"""Kills at full size: learners and learned optimizers with their default networks, byte for byte.

    python3 tests/release/kills.py PROGRAM [--kills N] [--rounds N] [NAME ...]

NAME is a learner of `fewshot train`, quadratic, or mlp, on MNIST; all of them where none is named.
For each and each round: one run unbroken on 1 thread, runs on 2 and 3 threads, and one that is
ended by SIGKILL N times (10) and resumed. Prints a line each; the last is `N passed, N failed`.
"""
import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "program"))
import support  # noqa: E402
from support import killed_and_resumed  # noqa: E402


class Full(support.Case):
    def runTest(self):
        pass


OPTIMIZERS = {
    "quadratic": ["optimizer", "--optimizee", "quadratic", "--meta-steps", 400],
    "mlp": ["optimizer", "--optimizee", "mlp:data=mnist", "--data",
            f"mnist:{support.real_data('mnist')}", "--meta-steps", 60],
}


def training(name):
    """The noun, and what is trained."""
    if name in OPTIMIZERS:
        return OPTIMIZERS[name]
    return ["fewshot", "--learner", name, "--episodes", 200]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    support.PROGRAM = options.program.resolve()
    support.PATIENCE = 3600
    passed = failed = 0
    for name in options.names or [*support.learners(), *OPTIMIZERS]:
        command, *settings = training(name)
        for seed in range(1, options.rounds + 1):
            case = Full()
            case.setUp()
            words = [*settings, "--seed", seed]
            try:
                for n in (1, 2, 3):
                    case.run_program(command, "train", *words, "--threads", n, "--out", f"t{n}")
                met = killed_and_resumed(case, words, "killed", options.kills, 1.0, seed, command)
                for run in ("t2", "t3", "killed"):
                    case.assertEqual(case.bytes_of("t1"), case.bytes_of(run), run)
                    case.assertEqual(case.metrics("t1"), case.metrics(run), run)
                passed += 1
                print(f"{name}, seed {seed}: threads 1, 2, 3 equal;",
                      ", ".join(f"{v} {k}" for k, v in met.items()), "; equal", flush=True)
            except AssertionError as why:
                failed += 1
                print(f"{name}, seed {seed}: FAILED: {str(why)[:2000]}", flush=True)
            finally:
                case.doCleanups()
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
