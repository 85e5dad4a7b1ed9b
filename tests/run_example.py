#!/usr/bin/env python3
"""Runs an example and holds what it prints to what its source says.

    python3 tests/run_example.py PROGRAM SOURCE
"""
import subprocess
import sys

from expected import difference, expectation


def main():
    program, source = sys.argv[1:]
    with open(source, encoding="utf-8") as file:
        said = expectation(file.read())
    if said is None:
        sys.exit(f"{source}: no comment `// prints: ...`")
    done = subprocess.run([program], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          check=False)
    if done.returncode != 0:
        sys.exit(f"{source}: exit code {done.returncode}\n{done.stdout}")
    differs = difference(said[0], done.stdout, said[1])
    sys.exit(f"{source}:\n{differs}" if differs else 0)


if __name__ == "__main__":
    main()
