#!/usr/bin/env python3
"""Runs every test that a build folder knows, and counts.

    python3 tools/run_tests.py BUILD [NAME ...] [--short]

As many run at once as there are processors, four at most; their lines come as they end. --short
leaves out the Catch2 cases tagged [long], which go the same ways many times for a figure.

A Catch2 suite counts by test case, a program that ends with `N passed, N failed[, N skipped]` by
that line, any other by its exit code. The last line is the sum; the exit code is 0 only if nothing
failed and something passed.
"""
import json
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor, as_completed

LINE = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.M)


def catch_cases(text):
    """(passed, failed, skipped) of Catch2's XML report, versions 2 and 3, or None."""
    start = text.find("<?xml")
    if start < 0:
        return None
    try:
        cases = ET.fromstring(text[start:]).findall("OverallResultsCases")[-1]
    except (ET.ParseError, IndexError):
        return None
    skipped = int(cases.get("skips", 0))
    return int(cases.get("successes")), int(cases.get("failures")), skipped


def failures_of(text):
    """What failed in a Catch2 XML report, as lines."""
    start = text.find("<?xml")
    try:
        root = ET.fromstring(text[start:])
    except ET.ParseError:
        return [text[-3000:]]
    lines = []
    for case in root.iter("TestCase"):
        result = case.find("OverallResult")
        if result is None or result.get("success") == "true":
            continue
        lines.append(f"  FAILED: {case.get('name')} ({case.get('filename')}:{case.get('line')})")
        for failure in case.iter("Expression"):
            if failure.get("success") == "false":
                found = (failure.findtext("Expanded") or "").strip()
                wanted = (failure.findtext("Original") or "").strip()
                lines.append(f"    line {failure.get('line')}: {wanted}\n      {found}")
        for failure in case.iter("Exception"):
            lines.append(f"    line {failure.get('line')}: threw {(failure.text or '').strip()}")
    return lines


def run(test, short):
    """(passed, failed, skipped), seconds, and lines that tell of failures."""
    catch = os.path.basename(test["cmd"][0]).endswith("-tests")
    command = test["cmd"] + (["--reporter", "xml"] + ["~[long]~[.]"] * short if catch else [])
    environment = dict(os.environ, **test["env"])
    started = time.monotonic()
    try:
        done = subprocess.run(command, cwd=test["workdir"], env=environment, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT if not catch else None,
                              timeout=test["timeout"], errors="replace", check=False)
        text, code = done.stdout, done.returncode
    except subprocess.TimeoutExpired as late:
        text = (late.stdout or b"").decode(errors="replace") if isinstance(late.stdout, bytes) else (late.stdout or "")
        code = f"none within {test['timeout']} s"
    seconds = time.monotonic() - started
    lines = []
    if catch:
        counts = catch_cases(text)
        if counts and counts[1] > 0:
            lines += failures_of(text)
        skips = len(re.findall(r"^SKIPPED: ", text, re.M))
        if counts:
            counts = (counts[0] - skips, counts[1], counts[2] + skips)
    else:
        found = LINE.findall(text)
        counts = tuple(int(n or 0) for n in found[-1]) if found else None
        if code != 0:
            lines.append(text[-6000:])
    if counts is None:
        if code != 0 and catch:
            lines.append(text[-3000:])
        counts = (1, 0, 0) if code == 0 else (0, 1, 0)
    if code != 0 and counts[1] == 0:  # died after or beside its own count
        lines.append(f"  {test['name']}: exit code {code}")
        counts = (counts[0], 1, counts[2])
    return counts, seconds, lines


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    listing = subprocess.run(["meson", "introspect", "--tests", sys.argv[1]], text=True,
                             stdout=subprocess.PIPE, check=True).stdout
    names = [name for name in sys.argv[2:] if name != "--short"]
    short = "--short" in sys.argv[2:]
    tests = [test for test in json.loads(listing) if not names or test["name"] in names]
    tests.sort(key=lambda test: names.index(test["name"]) if names else 0)  # in the order given
    passed = failed = skipped = 0
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 4)) as pool:
        running = {pool.submit(run, test, short): test["name"] for test in tests}
        for done in as_completed(running):
            (p, f, s), seconds, lines = done.result()
            passed, failed, skipped = passed + p, failed + f, skipped + s
            for line in lines:
                print(line)
            print(f"{'ok  ' if f == 0 else 'FAIL'} {running[done]:<28} {p:4} passed, {f} failed"
                  f"{f', {s} skipped' if s else ''}  {seconds:6.1f} s", flush=True)
    print(f"{passed} passed, {failed} failed{f', {skipped} skipped' if skipped else ''}")
    sys.exit(0 if failed == 0 and passed > 0 else 1)


if __name__ == "__main__":
    main()
