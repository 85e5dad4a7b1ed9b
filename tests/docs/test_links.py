#!/usr/bin/env python3
"""Every link of the pages to a file of ours, and to a heading of a page, leads somewhere.

    python3 tests/docs/test_links.py ROOT
"""
import pathlib
import re
import sys

from extract import pages

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```$|<!--.*?-->|`[^`\n]*`", re.M | re.S)


def anchors(page):
    """The names that a page's headings have in links."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def broken(page, target):
    """What is wrong with a link, or None."""
    if re.match(r"[a-z]+:", target):
        return None
    path, _, anchor = target.partition("#")
    file = (page.parent / path) if path else page
    if not file.exists():
        return "no such file"
    if anchor and file.suffix == ".md" and anchor not in anchors(file):
        return "no such heading"
    return None


def main():
    root = pathlib.Path(sys.argv[1])
    passed = failed = 0
    found = pages(root)[0]
    for name in ("CHANGELOG.md", "SECURITY.md"):
        found += [p for p in [root / name] if p.exists()]
    for page in found:
        for target in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
            what = broken(page, target)
            passed, failed = (passed, failed + 1) if what else (passed + 1, failed)
            if what:
                print(f"{page.relative_to(root)}: {target}: {what}")
    print(f"{passed} passed, {failed} failed")
    return failed != 0 or passed == 0


if __name__ == "__main__":
    sys.exit(main())
