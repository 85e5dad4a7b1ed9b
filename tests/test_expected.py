#!/usr/bin/env python3
"""The comparison that examples and pages are held by notices what it should."""
from expected import difference, expectation

ROWS = [  # expected, printed, tolerance, are they the same?
    ("loss 12.5, yes", "loss 12.5, yes\n", 1e-3, True),
    ("loss 12.5, yes", "loss 12.51, yes", 1e-3, True),
    ("loss 12.5, yes", "loss 12.6, yes", 1e-3, False),
    ("loss 12.5, yes", "loss 12.6, yes", 0.1, True),
    ("loss 12.5, yes", "loss 12.5, no", 1e-3, False),
    ("loss 12.5, yes", "", 1e-3, False),
    ("loss 12.5, yes", "loss 12.5, yes\nmore", 1e-3, False),
    ("5.0e-3", "0.005", 1e-3, True),
    ("-1.0", "1.0", 1e-3, False),
    ("0", "0.0001", 1e-3, False),
    ("inf", "nan", 1e-3, False),
]
SOURCES = [
    ("int main() {}\n// prints: a 1\n", ("a 1", 1e-3)),
    ("// prints: first\n// prints, within 0.05: last\n// and its second line\n",
     ("last\nand its second line", 0.05)),
    ("int main() {}\n", None),
]


def main():
    failed = 0
    for expected, printed, tolerance, same in ROWS:
        if (difference(expected, printed, tolerance) is None) != same:
            failed += 1
            print(f"{expected!r} and {printed!r} within {tolerance}: {'not ' if same else ''}the same")
    for source, said in SOURCES:
        if expectation(source) != said:
            failed += 1
            print(f"{source!r}: {expectation(source)}, expected {said}")
    print(f"{len(ROWS) + len(SOURCES) - failed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    raise SystemExit(main())
