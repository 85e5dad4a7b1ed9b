#!/usr/bin/env python3
"""Turns the C++ of the pages into one program, so that the pages hold.

    python3 tests/docs/extract.py ROOT OUT.cpp DEPFILE

Every ```cpp block of README.md, CONTRIBUTING.md, the parts' README.md and docs/**/*.md becomes a
function. A block with `int main` is taken whole; any other is the body of a function behind the
umbrella header and `using namespace metatape;`, and may be preceded by lines that a reader does
not need, in a comment right above it:

    <!-- cpp
    Tape tape;
    -->

Blocks run in turn, and are held to their `// prints:`, if any, by run_pages.py. After ```cpp may
stand `no_run` (compiled only, for what needs a file), `declarations` (compiled outside of any function,
for templates) or `sketch` (not even compiled).
"""
import pathlib
import re
import sys

BLOCK = re.compile(r"(?:<!-- cpp\n(?P<setup>.*?)-->\n+)?^```cpp(?P<info>[^\n]*)\n(?P<code>.*?)^```$",
                   re.M | re.S)
KINDS = ("", "no_run", "declarations", "sketch")
INCLUDE = re.compile(r"^#include .*$", re.M)


def pages(root):
    """The pages, and the folders where another may appear."""
    parts = [root / p for p in ("autodiff", "nn", "tasks", "metalearn", "cli", "bench")]
    named = [root / "README.md", root / "CONTRIBUTING.md", *(p / "README.md" for p in parts)]
    docs = root / "docs"
    found = [p for p in named if p.exists()] + sorted(docs.rglob("*.md"))
    return found, [root, docs, *(p for p in [*parts, *docs.rglob("*")] if p.is_dir())]


def blocks(page, text):
    """(line, information, set-up, code) of each block of a page."""
    opened = len(re.findall(r"^\s*```cpp", text, re.M))
    found = list(BLOCK.finditer(text))
    if len(found) != opened:
        sys.exit(f"{page}: {opened} blocks of C++ begin and {len(found)} end; are some indented?")
    for block in found:
        line = text.count("\n", 0, block.start("code")) + 1
        info = block["info"].strip()
        if info not in KINDS:
            sys.exit(f"{page}:{line - 1}: cpp {info}: expected one of {', '.join(KINDS[1:])}")
        yield line, info, block["setup"] or "", block["code"]


def function(name, page, line, info, setup, code):
    """A namespace with a function run() that does what the block does."""
    setup, code = (INCLUDE.sub("", text) for text in (setup, code))
    code = f'#line {line} "{page}"\n{code}'
    if "int main(" in code:
        # its main becomes run; the brace that ends main stands alone on its line
        at = code.index("int main(")
        end = code.index("\n}", at)
        body = code[at:end].replace("int main()", "int run()", 1) + "\n  return 0;"
        return f"namespace {name} {{\n{setup}{code[:at]}{body}{code[end:]}}}\n"
    if info == "declarations":
        return f"namespace {name} {{\nusing namespace metatape;\n{setup}{code}}}\n"
    return (f"namespace {name} {{\nusing namespace metatape;\n"
            f"int run() {{\n{setup}{code}  return 0;\n}}\n}}\n")


def main():
    root, out, depfile = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    read, folders = pages(root)
    includes = {"#include <metatape/metatape.hpp>"}
    functions, table = [], []
    for page in read:
        text = page.read_text(encoding="utf-8")
        named = page.relative_to(root).as_posix()
        for line, info, setup, code in blocks(named, text):
            if info == "sketch":
                continue
            includes.update(INCLUDE.findall(setup + code))
            name = f"block{len(table)}"
            functions.append(function(name, page.resolve().as_posix(), line, info, setup, code))
            run = "nullptr" if info in ("no_run", "declarations") else f"{name}::run"
            table.append(f'  {{"{named}:{line}", {run}}},')
    out.write_text("\n".join([
        "// Made by tests/docs/extract.py from the pages.",
        *sorted(includes), '#include "page_runner.hpp"', "", *functions,
        "int main(int argc, char** argv) {", "  return run_blocks({", *table, "  }, argc, argv);",
        "}", ""]), encoding="utf-8")
    # folders are among what it was made from, so that a new page is seen
    made_from = " ".join(str(p.resolve()).replace(" ", "\\ ") for p in [*read, *folders])
    pathlib.Path(depfile).write_text(f"{out}: {made_from}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
