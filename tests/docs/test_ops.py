#!/usr/bin/env python3
"""docs/ops.md lists every function that `metatape gradients check` knows, with the rules it has.

    python3 tests/docs/test_ops.py METATAPE ROOT

A row of the page counts, and a function that the page leaves out. The last line is
`N passed, N failed`.
"""
import json
import pathlib
import re
import subprocess
import sys

ROW = re.compile(r"^\| (?P<names>`.*?) \|.*\| (?P<rule>[a-z ]+) \|$", re.M)
RULES = {  # what the page may say where an error is null: (first order, second order)
    (False, False): {"twice", "none"},  # `one_hot` is checked through a product
    (False, True): {"once"},
    (True, True): {"zero", "cut", "as set", "none"},
}


def listed(page):
    """{function: what the page says}; a function on two rows is an error."""
    rules, twice = {}, []
    for row in ROW.finditer(page):
        for name in re.findall(r"`(\w+)`", row["names"]):
            if name in rules:
                twice.append(name)
            rules[name] = row["rule"]
    return rules, twice


def main():
    program, root = sys.argv[1], pathlib.Path(sys.argv[2])
    page = (root / "docs" / "ops.md").read_text(encoding="utf-8")
    done = subprocess.run([program, "gradients", "check", "--json", "-", "--quiet"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True)
    ops = json.loads(done.stdout)["result"]["ops"]
    rules, twice = listed(page)
    wrong = [f"`{name}` stands on two rows" for name in twice]

    known = {}
    for op in ops:  # "matmul, first turned" and "max with ties" are further rows of one function
        name = re.match(r"\w+", op["name"])[0]
        nulls = (op["first_order"] is None, op["second_order"] is None)
        if known.setdefault(name, nulls) != nulls:
            wrong.append(f"`{name}`: its rows in gradients check have different rules")
    for name, nulls in known.items():
        if name not in rules:
            wrong.append(f"`{name}` is missing")
        elif rules[name] not in RULES[nulls]:
            wrong.append(f"`{name}`: the page says {rules[name]!r}, gradients check one of "
                         f"{sorted(RULES[nulls])}")
    wrong += [f"`{name}`: there is no such function" for name in rules if name not in known]
    count = re.search(r"^ +(\d+) ops, 0 failed$", page, re.M)
    if not count or int(count[1]) != len(ops):
        wrong.append(f"the rows of gradients check are {len(ops)}")

    for line in wrong:
        print(f"docs/ops.md: {line}")
    print(f"{max(0, len(known) - len(wrong))} passed, {len(wrong)} failed")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
