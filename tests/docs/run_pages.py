#!/usr/bin/env python3
"""Runs every block of C++ of the pages and holds it to what the page says it prints.

    python3 tests/docs/run_pages.py PROGRAM ROOT

PROGRAM is what extract.py wrote, compiled. The last line is `N passed, N failed`.
"""
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
from expected import difference, expectation  # noqa: E402


def printed(program, *arguments):
    with tempfile.TemporaryDirectory() as folder:  # what a block writes is nobody's business
        return subprocess.run([program, *arguments], stdin=subprocess.DEVNULL, cwd=folder, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)


def failure(program, root, number, where):
    """None if the block does what its page says, else what it does instead."""
    page, line = where.rsplit(":", 1)
    lines = (root / page).read_text(encoding="utf-8").splitlines()[int(line) - 1:]
    said = expectation("\n".join(lines[:lines.index("```")]))
    done = printed(program, str(number))
    if done.returncode != 0:
        return f"exit code {done.returncode}\n{done.stdout}"
    return difference(said[0], done.stdout, said[1]) if said else None


def main():
    program, root = str(pathlib.Path(sys.argv[1]).resolve()), pathlib.Path(sys.argv[2])
    passed = failed = 0
    for number, row in enumerate(printed(program).stdout.splitlines()):
        kind, where = row.split(" ", 1)
        what = failure(program, root, number, where) if kind == "run" else None
        passed, failed = (passed + 1, failed) if what is None else (passed, failed + 1)
        if what is not None:
            print(f"{where}: {what}")
    print(f"{passed} passed, {failed} failed")
    return failed != 0 or passed == 0


if __name__ == "__main__":
    sys.exit(main())
