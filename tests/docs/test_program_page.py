#!/usr/bin/env python3
"""docs/program.md names every command and option, docs/formats.md every field of their results.

    python3 tests/docs/test_program_page.py METATAPE ROOT

Commands and options come from the program's own help, fields from small runs. The last line is
`N passed, N failed`.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

SMALL = "strokes:alphabets=5,drawers=6"
RUNS = [  # what is run, in this order; the first leaves a run's folder for the others
    ["fewshot", "train", "--data", SMALL, "--episodes", "10", "--train-way", "5", "--filters", "8",
     "--query", "5", "--memory", "--profile", "--out", "run"],
    ["fewshot", "eval", "--run", "run", "--episodes", "5"],
    ["fewshot", "show", "--run", "run", "--out", "episode"],
    ["fewshot", "train", "--data", SMALL, "--episodes", "4", "--learner", "lstm", "--filters", "8",
     "--query", "4", "--train-query", "4", "--seeds", "1", "--out", "seeds"],
    ["fewshot", "ablate", "--run", "seeds/seed-1", "--episodes", "2", "--steps", "1", "--query", "2",
     "--validation-alphabets", "1"],
    ["data", "show", SMALL, "--out", "sheet"],
    ["gradients", "check", "--op", "add"],
    ["gradients", "compare", "--steps", "2", "--estimators", "exact", "--out", "compared"],
    ["gradients", "horizon", "--steps", "2", "--out", "horizon"],
    ["gradients", "spectrum", "--steps", "2", "--out", "spectrum"],
    ["gradients", "landscape", "--steps", "2", "--along", "learning_rate=0.01:0.02:2",
     "--smooth", "0.001", "--out", "landscape"],
    ["optimizer", "train", "--optimizee", "bowl", "--functions", "4", "--meta-steps", "10",
     "--hidden", "4", "--layers", "1", "--out", "learned"],
    ["optimizer", "eval", "--run", "learned", "--optimizee", "bowl", "--steps", "5",
     "--instances", "2", "--against", "sgd"],
    ["optimizer", "tune", "--optimizee", "bowl", "--optimizer", "sgd", "--steps", "5",
     "--instances", "1"],
    ["optimizer", "show", "--run", "learned", "--optimizee", "bowl", "--steps", "5",
     "--out", "inside"],
]


class Pages:
    def __init__(self, program, root, folder):
        self.program, self.folder = program, folder
        self.program_page = (root / "docs" / "program.md").read_text(encoding="utf-8")
        formats = (root / "docs" / "formats.md").read_text(encoding="utf-8")
        self.fields = set(re.findall(r"`(\w+)`", formats))
        self.cases, self.missing = [], []

    def run(self, *words):
        return subprocess.run([self.program, *words], cwd=self.folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, text=True, check=True).stdout

    def need(self, case, what, there):
        if case not in self.cases:
            self.cases.append(case)
        if not there:
            self.missing.append((case, what))

    def commands(self):
        for noun, verb in re.findall(r"^  (\w+) (\w+)  +\w", self.run("--help"), re.M):
            case = f"{noun} {verb}"
            self.need(case, "program.md: its row", f"| `{case}` |" in self.program_page)
            for option in re.findall(r"^  (--[a-z-]+)", self.run(noun, verb, "--help"), re.M):
                self.need(case, f"program.md: {option}",
                          re.search(rf"`{option}[` ]", self.program_page))

    def results(self):
        for words in RUNS:
            summary = json.loads(self.run(*words, "--json", "-", "--quiet"))
            result = summary["result"]
            lists = [v[0] for v in result.values() if isinstance(v, list) and v]
            inner = [k for item in lists if isinstance(item, dict) for k in item]
            if words[:2] == ["data", "show"]:
                inner = []  # groups: their names and counts
            for field in [*summary, *summary["machine"], *result, *inner]:
                self.need(f"result of {' '.join(words[:2])}", f"formats.md: `{field}`",
                          field in self.fields)
        for line in (self.folder / "run" / "metrics.jsonl").read_text().splitlines():
            for field in json.loads(line):
                self.need("metrics.jsonl", f"formats.md: `{field}`", field in self.fields)


def main():
    with tempfile.TemporaryDirectory() as folder:
        pages = Pages(str(pathlib.Path(sys.argv[1]).resolve()), pathlib.Path(sys.argv[2]),
                      pathlib.Path(folder))
        pages.commands()
        pages.results()
    for case, what in pages.missing:
        print(f"{case}: missing in docs/{what}")
    failed = len({case for case, _ in pages.missing})
    print(f"{len(pages.cases) - failed} passed, {failed} failed")
    return bool(pages.missing)


if __name__ == "__main__":
    sys.exit(main())
