#!/usr/bin/env python3
"""Kills at full size: each learner with its default network, 200 episodes, byte for byte.

    python3 tests/release/kills.py PROGRAM [--kills N] [--rounds N] [--learners A,B]

For each learner and round: one run unbroken on 1 thread, runs on 2 and 3 threads, and one that is
ended by SIGKILL N times (10) and resumed. Prints a line each; the last is `N passed, N failed`.
"""
import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "program"))
import support  # noqa: E402
from test_determinism import killed_and_resumed  # noqa: E402


class Full(support.Case):
    def runTest(self):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--learners", default="prototypical,matching")
    options = parser.parse_args()
    support.PROGRAM = options.program.resolve()
    support.PATIENCE = 3600
    passed = failed = 0
    for learner in options.learners.split(","):
        for seed in range(1, options.rounds + 1):
            case = Full()
            case.setUp()
            words = ["--learner", learner, "--episodes", options.episodes, "--seed", seed]
            try:
                case.run_program("fewshot", "train", *words, "--threads", 1, "--out", "t1")
                for n in (2, 3):
                    case.run_program("fewshot", "train", *words, "--threads", n, "--out", f"t{n}")
                met = killed_and_resumed(case, words, "killed", options.kills, 1.0, seed)
                for run in ("t2", "t3", "killed"):
                    case.assertEqual(case.bytes_of("t1"), case.bytes_of(run), run)
                    case.assertEqual(case.metrics("t1"), case.metrics(run), run)
                passed += 1
                print(f"{learner}, seed {seed}: threads 1, 2, 3 equal;",
                      ", ".join(f"{v} {k}" for k, v in met.items()), "; equal", flush=True)
            except AssertionError as why:
                failed += 1
                print(f"{learner}, seed {seed}: FAILED: {str(why)[:2000]}", flush=True)
            finally:
                case.doCleanups()
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
