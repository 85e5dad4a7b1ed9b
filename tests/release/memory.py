#!/usr/bin/env python3
"""Resident memory does not grow: the same after 500 episodes as after 50, within 1 %.

    python3 tests/release/memory.py PROGRAM [fewshot train's options]

Reads the process's resident size from /proc as metrics.jsonl says how far it is, in a training
without validations and in one with them. Without /proc it says `skipped`.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "program"))
import support  # noqa: E402
from test_memory import resident_at  # noqa: E402


class Full(support.Case):
    def runTest(self):
        pass


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    support.PROGRAM = pathlib.Path(sys.argv[1]).resolve()
    support.PATIENCE = 3600
    passed = failed = 0
    steps = [50, 500]
    for what, words in (("without validations", ["--validation-alphabets", "0"]),
                        ("with validations", [])):
        case = Full()
        case.setUp()
        try:
            sizes = resident_at(case, steps, *sys.argv[2:], "--episodes", 520, *words)
        finally:
            case.doCleanups()
        if sizes is None:
            print("skipped: no /proc\n0 passed, 0 failed, 1 skipped")
            return
        growth = sizes[1] / sizes[0] - 1
        print(f"{what}: resident after {steps[0]} episodes {sizes[0] / 1024:.1f} MiB, after "
              f"{steps[1]} {sizes[1] / 1024:.1f} MiB, {100 * growth:+.2f} %", flush=True)
        passed += growth <= 0.01
        failed += growth > 0.01
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
