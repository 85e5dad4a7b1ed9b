"""What the tests of the program share: a temporary folder a case, the program as a process, small
settings that train in a second, and files made by hand so that they can be broken.

A test file is run as `python3 test_x.py PROGRAM [NAME ...]` and ends with the line
`N passed, N failed, N skipped`.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile
import zlib

PROGRAM = None  # set by main()

DATA = "strokes:alphabets=10,drawers=6"
EPISODES = ["--way", "5", "--shot", "1", "--query", "5"]
SMALL = ["--data", DATA, "--filters", "8", "--train-way", "5", "--train-shot", "1",
         "--train-query", "5", *EPISODES]  # about 5 ms an episode

PATIENCE = 120  # seconds; far beyond what anything here takes, on a machine busy with other things


class Done:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        return json.loads(self.out)

    def __str__(self):
        return f"exit code {self.code}\n--- stdout\n{self.out[-3000:]}\n--- stderr\n{self.err[-3000:]}"


def environment(**changes):
    """This process's, without what would steer the program; None takes a name away."""
    env = {k: v for k, v in os.environ.items()
           if not k.startswith("METATAPE_") and k not in ("NO_COLOR", "OMP_NUM_THREADS")}
    for name, value in changes.items():
        if value is None:
            env.pop(name, None)
        else:
            env[name] = str(value)
    return env


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="metatape-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def start(self, *words, env=None, **options):
        """The program begun, its streams in pipes; ended at the latest when the case is."""
        options = {"cwd": self.folder, "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                   "stderr": subprocess.PIPE, "env": env or environment(), **options}
        process = subprocess.Popen([str(PROGRAM), *map(str, words)], text=True, **options)
        self.addCleanup(end, process)
        return process

    def finish(self, process):
        out, err = process.communicate(timeout=PATIENCE)
        return Done(process.returncode, out or "", err or "")

    def run_program(self, *words, code=0, **options):
        done = self.finish(self.start(*words, **options))
        if code is not None:
            self.assertEqual(done.code, code, f"{' '.join(map(str, words))}: {done}")
        return done

    def refused(self, *words, code=2, says="", **options):
        """Exit 2 (or 1) with one line on standard error and nothing on standard output."""
        done = self.run_program(*words, code=code, **options)
        self.assertEqual(done.out, "", done)
        self.one_line(done, says)
        return done

    def one_line(self, done, says=""):
        lines = done.err.splitlines()
        self.assertEqual(len(lines), 1, done)
        self.assertTrue(lines[0].startswith("metatape: error: "), done)
        self.assertIn(says, lines[0])
        return lines[0]

    def train(self, out, *words, **options):
        return self.run_program("fewshot", "train", *SMALL, "--out", out, *words, **options)

    def bytes_of(self, run, name="checkpoint.safetensors"):
        return (self.folder / run / name).read_bytes()

    def metrics(self, run, wall=False):
        """The lines of metrics.jsonl, without the time that each took."""
        lines = [json.loads(line) for line in
                 (self.folder / run / "metrics.jsonl").read_text().splitlines()]
        for line in lines:
            if not wall:
                del line["wall_s"]
        return lines

    def wait_for(self, what, process=None):
        """Until what() is true; false when the process ended before."""
        until = time.monotonic() + PATIENCE
        while not what():
            if process is not None and process.poll() is not None:
                return what()
            if time.monotonic() > until:
                self.fail("waited in vain")
            time.sleep(0.002)
        return True

    def no_strays(self, folder):
        """Nothing that a write left half done."""
        self.assertEqual([str(p) for p in pathlib.Path(folder).rglob("*.tmp")], [])


def end(process):
    if process.poll() is None:
        process.kill()
    process.communicate()


def learners():
    """Names of the learners that are trained, as the program tells them: none can be forgotten."""
    text = subprocess.run([str(PROGRAM), "fewshot", "train", "--help"], check=True, text=True,
                          stdout=subprocess.PIPE, env=environment()).stdout
    choices = re.search(r"--learner NAME [^()]*\(([^;)]*); default", " ".join(text.split()))
    return choices[1].split(", ")


def lines_in(path):
    try:
        return path.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def killed_and_resumed(case, words, out, kills, longest, seed, command="fewshot"):
    """Trains, ended by SIGKILL so many times and resumed each time; what the kills met.

    The first two come before the first checkpoint: one as soon as there is a config.toml, one in
    the steps after it. The others come after a random part of `longest` seconds, while checkpoints
    are written every 20 ms, so that many meet a save.
    """
    rng = random.Random(seed)
    run = case.folder / out
    met = {"kills": 0, "before the first save": 0, "finished before": 0, "temporaries": 0}
    for n in range(kills):
        resume = (run / "config.toml").exists()
        saves = ["--save-every", "0.02" if n >= 2 else "86400"]
        first = ["--resume", out] if resume else [*words, "--out", out]
        process = case.start(command, "train", *first, *saves)
        before = lines_in(run / "metrics.jsonl")
        if n == 0:
            case.wait_for((run / "config.toml").exists, process)
        elif n == 1:
            case.wait_for(lambda: lines_in(run / "metrics.jsonl") > 0, process)
        else:
            # After the first new line at the latest, so that the run gets on over the kills.
            case.wait_for(lambda: lines_in(run / "metrics.jsonl") != before, process)
            time.sleep(rng.uniform(0, longest))
        if process.poll() is not None:
            met["finished before"] += 1
        process.kill()
        process.communicate()
        met["kills"] += 1
        met["before the first save"] += not (run / "checkpoint.safetensors").exists()
        met["temporaries"] += bool(list(run.glob("*.tmp")))
    case.run_program(command, "train", "--resume", out)
    case.no_strays(run)
    return met


def real_data(name):
    """As the tests of tasks/ find it: below METATAPE_TEST_DATA or ../shared/data."""
    said = os.environ.get("METATAPE_TEST_DATA")
    root = pathlib.Path(__file__).resolve().parents[2]
    for folder in ([pathlib.Path(said)] if said else []) + [root.parent / "shared" / "data"]:
        if (folder / name).exists():
            return folder / name
    return None


def snapshot(folder):
    """Every file and folder below, with its content: equal when nothing was written."""
    found = {}
    for path in sorted(pathlib.Path(folder).rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_file():
            found[name] = path.read_bytes()
        else:
            found[name] = None
    return found


# ---- files made by hand -------------------------------------------------------------------------

def chunk(kind, data):
    return (struct.pack(">I", len(data)) + kind + data +
            struct.pack(">I", zlib.crc32(kind + data)))


def png(width, height, pixel, depth=8, colour=0, extra=b"", interlaced=0):
    """A PNG whose samples are pixel(x, y, channel), one filter byte of 0 a row."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    rows = bytearray()
    for y in range(height):
        bits = "".join(format(pixel(x, y, c), f"0{depth}b")
                       for x in range(width) for c in range(channels))
        bits += "0" * (-len(bits) % 8)
        rows += b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")
    return (b"\x89PNG\r\n\x1a\n" +
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)) +
            extra + chunk(b"IDAT", zlib.compress(bytes(rows))) + chunk(b"IEND", b""))


def ink(of, image, x, y):
    """Whether the drawing of class `of` has ink there: a cross whose place tells the class."""
    return x == 3 + of % 5 * 3 + image % 2 or y == 4 + of // 5 * 4


def drawing(of, image, side=20):
    return png(side, side, lambda x, y, _: 0 if ink(of, image, x, y) else 255)


def write_set(folder, classes=12, images=8, change=None):
    """A folder `<class>/<image>.png`; change(c, i, bytes) may spoil some."""
    folder = pathlib.Path(folder)
    for c in range(classes):
        (folder / f"class{c:02}").mkdir(parents=True, exist_ok=True)
        for i in range(images):
            data = drawing(c, i)
            if change:
                data = change(c, i, data)
            (folder / f"class{c:02}" / f"{i}.png").write_bytes(data)
    return folder


def zip_folder(folder, path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for file in sorted(pathlib.Path(folder).rglob("*.png")):
            out.write(file, file.relative_to(folder))
    return path


def idx(extents, data, kind=8):
    return bytes([0, 0, kind, len(extents)]) + struct.pack(f">{len(extents)}I", *extents) + data


def safetensors(tensors, metadata):
    """A checkpoint with right checksums: tensors is {name: (shape, bytes[, dtype])}."""
    metadata = {**metadata, "metatape.version": "1"}
    header, data = {"__metadata__": metadata}, b""
    for name, (shape, content, *dtype) in tensors.items():
        header[name] = {"dtype": (dtype or ["F32"])[0], "shape": shape,
                        "data_offsets": [len(data), len(data) + len(content)]}
        # an empty tensor's checksum is that of its shape (docs/formats.md)
        checked = content or ("[" + ", ".join(map(str, shape)) + "]").encode()
        metadata["crc32." + name] = f"{zlib.crc32(checked):08x}"
        data += content
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def read_safetensors(content):
    """(tensors, metadata) as safetensors() takes them."""
    length = struct.unpack("<Q", content[:8])[0]
    header, data = json.loads(content[8:8 + length]), content[8 + length:]
    metadata = {k: v for k, v in header.pop("__metadata__").items()
                if not k.startswith(("crc32.", "metatape."))}
    return {name: (e["shape"], data[slice(*e["data_offsets"])], e["dtype"])
            for name, e in header.items()}, metadata


# ---- the end ------------------------------------------------------------------------------------

def cases_of(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from cases_of(test)
        else:
            yield test


def run_case(case):
    result = unittest.TestResult()
    begun = time.monotonic()
    case.run(result)
    return case, result, time.monotonic() - begun


def main():
    """Runs the cases of the calling file, two at once: they wait for processes most of the time."""
    global PROGRAM
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("names", nargs="*", help="only cases whose name holds one of these")
    parser.add_argument("--times", action="store_true", help="say how long each case takes")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    options = parser.parse_intermixed_args()
    PROGRAM = options.program.resolve()
    cases = [case for case in cases_of(unittest.defaultTestLoader.loadTestsFromModule(
        sys.modules["__main__"])) if not options.names or any(n in case.id() for n in options.names)]
    passed = failed = skipped = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for case, result, seconds in pool.map(run_case, cases):
            name = case.id().removeprefix("__main__.")
            bad = result.failures + result.errors
            for _, trace in bad:
                print(f"FAILED: {name}\n{trace}")
            for _, reason in result.skipped:
                print(f"skipped: {name}: {reason}")
            if options.times:
                print(f"{seconds:6.1f} s  {name}")
            failed += bool(bad)
            skipped += bool(result.skipped and not bad)
            passed += not bad and not result.skipped
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed or not cases else 0)
