#!/usr/bin/env python3
"""Resident memory after 50 and after 500 episodes, within 1 %.

    python3 tests/release/memory.py PROGRAM [fewshot train's options]

Trains 520 episodes and reads the process's resident size from /proc once metrics.jsonl says that 50
and 500 are done. Without /proc it says `skipped`.
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
    case = Full()
    case.setUp()
    try:
        sizes = resident_at(case, [50, 500], *sys.argv[2:], "--episodes", 520)
    finally:
        case.doCleanups()
    if sizes is None:
        print("skipped: no /proc\n0 passed, 0 failed, 1 skipped")
        return
    growth = sizes[1] / sizes[0] - 1
    print(f"resident after 50 episodes: {sizes[0] / 1024:.1f} MiB, after 500: {sizes[1] / 1024:.1f} "
          f"MiB, {100 * growth:+.2f} %")
    flat = growth <= 0.01
    print(f"{int(flat)} passed, {int(not flat)} failed")
    sys.exit(0 if flat else 1)


if __name__ == "__main__":
    main()
