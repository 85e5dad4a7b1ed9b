#!/usr/bin/env python3
"""extract.py takes every block of the pages and refuses what it would otherwise leave out."""
import pathlib
import subprocess
import sys
import tempfile

EXTRACT = pathlib.Path(__file__).parent / "extract.py"
PAGE = """# Page
```cpp
return 1;
```
```cpp
#include <cstdio>
int main() {
  std::printf("x");
}
// prints: x
```
<!-- cpp
Tape hidden;
-->
```cpp no_run
use(hidden);
```
```cpp declarations
template <class T> struct S {};
```
```cpp sketch
...
```
"""
ROWS = [  # page, code of exit, what is in the program, or in the message
    (PAGE, 0, ["namespace block0 {\nusing namespace metatape;\nint run() {\n#line 3 ",
               "return 1;\n  return 0;\n}\n}",
               "#include <cstdio>\n#include <metatape/metatape.hpp>",
               "int run() {\n  std::printf(\"x\");\n  return 0;\n}\n// prints: x\n}",
               "Tape hidden;\n#line", "use(hidden);\n", "template <class T> struct S {};\n}",
               '{"docs/page.md:3", block0::run}', '{"docs/page.md:16", nullptr}',
               '{"docs/page.md:19", nullptr}']),
    ("- a list\n  ```cpp\n  f();\n  ```\n", 1, ["docs/page.md: 1 blocks of C++ begin and 0 end"]),
    ("```cpp\nf();\n", 1, ["docs/page.md: 1 blocks of C++ begin and 0 end"]),
    ("```cpp norun\nf();\n```\n", 1, ["docs/page.md:1: cpp norun: expected one of no_run"]),
]


def main():
    failed = 0
    for page, code, parts in ROWS:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "docs").mkdir()
            (root / "docs" / "page.md").write_text(page, encoding="utf-8")
            out = root / "pages.cpp"
            done = subprocess.run([sys.executable, EXTRACT, root, out, root / "pages.d"], text=True,
                                  stderr=subprocess.PIPE, check=False)
            text = out.read_text(encoding="utf-8") if code == 0 and out.exists() else done.stderr
            missing = [part for part in parts if part not in text]
            if done.returncode != code or missing:
                failed += 1
                print(f"{page}\nexit code {done.returncode}, missing: {missing}\n{text}")
    print(f"{len(ROWS) - failed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
