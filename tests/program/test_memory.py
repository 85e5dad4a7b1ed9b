#!/usr/bin/env python3
"""Memory is flat: a training holds as much after 500 episodes as after 50.

tests/release/memory.py measures the same at full size.
"""
import json
import os
import pathlib
import unittest

import support
from support import Case


def resident(process):
    """KiB that a process holds in memory; none where there is no /proc."""
    try:
        text = pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    except OSError:
        return None
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS")),
                None)


def last_step(file):
    try:
        return json.loads(file.read_bytes().splitlines()[-1])["step"]
    except (OSError, IndexError, ValueError):
        return 0


def resident_at(case, steps, *words):
    """Resident KiB of a training as soon as so many steps are logged; none without /proc."""
    if not os.path.exists("/proc/self/status"):
        return None
    process = case.start("fewshot", "train", *words, "--out", "memory")
    file = case.folder / "memory" / "metrics.jsonl"
    sizes = []
    for step in steps:
        case.wait_for(lambda step=step: last_step(file) >= step, process)
        sizes.append(resident(process))
    case.assertNotIn(None, sizes, "the training ended before it was measured")
    process.kill()
    return sizes


class Memory(Case):
    def test_flat(self):
        # Validations follow episodes 1, 52, 104, ...
        sizes = resident_at(self, [50, 500], *support.SMALL, "--episodes", 520)
        if sizes is None:
            raise unittest.SkipTest("no /proc to read resident memory from")
        self.assertLessEqual(sizes[1], 1.01 * sizes[0], f"{sizes} KiB")


if __name__ == "__main__":
    support.main()
