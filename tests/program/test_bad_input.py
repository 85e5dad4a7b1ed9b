#!/usr/bin/env python3
"""Bad input, a row each: one line that names file and reason, exit 1 or 2, nothing half written.

    python3 tests/program/test_bad_input.py PROGRAM            as a test
    python3 tests/program/test_bad_input.py PROGRAM --table    prints the rows too
"""
import gzip
import os
import pathlib
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import zipfile
import zlib

import support
from support import DATA, SMALL, Case, chunk, environment, idx, png, write_set

TABLE = []  # (input, exit code, line)


class Row(Case):
    """A case with rows: each is a command that is refused, and leaves everything as it was."""

    def row(self, what, words, names, says, code=1, out="out", **options):
        """`names`: the file that the line names; `says`: the reason in it, both as they stand."""
        with self.subTest(what):
            out_existed = (self.folder / out).exists()
            before = support.snapshot(self.folder)
            done = self.run_program(*words, code=None, **options)
            line = self.one_line(done)
            self.assertEqual(done.code, code, done)
            self.assertEqual(done.out, "", done)
            self.assertIn(str(names), line)
            self.assertIn(says, line)
            self.assertEqual((self.folder / out).exists(), out_existed)
            self.assertEqual(support.snapshot(self.folder), before)
            TABLE.append((what, done.code, line.replace(str(self.folder) + "/", "")))

    def train_on(self, what, data, names, says, code=1):
        self.row(what, ["fewshot", "train", *SMALL, "--train-within", "0", "--data", data,
                        "--episodes", "3", "--out", "out"], names, says, code)


class Archives(Row):
    def setUp(self):
        super().setUp()
        for alphabet in ("Greek", "Latin"):
            write_set(self.folder / "set" / alphabet, classes=6)
        self.whole = support.zip_folder(self.folder / "set", self.folder / "whole.zip").read_bytes()

    def zip(self, name, content):
        (self.folder / name).write_bytes(content)
        return name

    def test_whole(self):
        self.train("out", "--episodes", 3, "--data", "omniglot:whole.zip", "--test-alphabets", 0,
                   "--validation-alphabets", 0)

    def test_damaged(self):
        n = len(self.whole)
        for what, content, says in [
            ("zip: empty file", b"", "not a zip archive"),
            ("zip: text", b"<html>404 Not Found</html>", "not a zip archive"),
            ("zip: cut in the middle", self.whole[:n // 2], "truncated download?"),
            ("zip: the last byte missing", self.whole[:-1], "truncated download?"),
            ("zip: directory cut", self.whole[:n - 60], "truncated download?"),
        ]:
            self.train_on(what, "omniglot:" + self.zip("bad.zip", content), "bad.zip", says)
        name = b"Latin/class03/4.png"
        at = self.whole.index(name) + len(name) + 30
        flipped = self.whole[:at] + bytes([self.whole[at] ^ 0xFF]) + self.whole[at + 1:]
        self.train_on("zip: a byte of a member changed",
                      "omniglot:" + self.zip("bad.zip", flipped), "bad.zip: " + name.decode(),
                      "broken zip member")

    def test_members(self):
        def archive(*members, method=zipfile.ZIP_DEFLATED):
            with zipfile.ZipFile(self.folder / "bad.zip", "w", method) as out:
                for name, data in members:
                    out.writestr(zipfile.ZipInfo(name), data)
            return "omniglot:bad.zip"
        good = support.drawing(0, 0)
        self.train_on("zip: one broken PNG", archive(("A/a/1.png", good), ("A/a/2.png", good[:60])),
                      "bad.zip: A/a/2.png", "broken PNG")
        self.train_on("zip: name that leads out", archive(("../A/a/1.png", good)),
                      "bad.zip: ../A/a/1.png", "leads out of the archive")
        self.train_on("zip: absolute name", archive(("/A/a/1.png", good)), "bad.zip: /A/a/1.png",
                      "leads out of the archive")
        self.train_on("zip: no images", archive(("README", b"hello")), "bad.zip", "no .png files")
        self.train_on("zip: a zip in it", archive(("in.zip", self.whole)), "bad.zip",
                      "must be unpacked first")
        with zipfile.ZipFile(self.folder / "bad.zip", "w", zipfile.ZIP_DEFLATED) as out:
            out.writestr("A/a/1.png", bytes(80 << 20))
        self.train_on("zip: 80 MiB of zeros", "omniglot:bad.zip", "bad.zip: A/a/1.png", "unpacks to")
        self.train_on("zip: not there", "omniglot:nowhere.zip", "nowhere.zip",
                      "no such file or folder")

    def test_corrupted_anywhere(self):
        # Whatever byte changes, the program reads the same images or says one line.
        rng = random.Random(5)
        for _ in range(15):
            at = rng.randrange(len(self.whole))
            broken = bytearray(self.whole)
            broken[at] ^= 1 << rng.randrange(8)
            self.zip("bad.zip", broken)
            done = self.run_program("data", "show", "omniglot:bad.zip", code=None)
            self.assertIn(done.code, (0, 1), f"byte {at}: {done}")
            if done.code == 1:
                self.assertIn("bad.zip", self.one_line(done))


class Folders(Row):
    def spoiled(self, spoil, classes=12):
        shutil.rmtree(self.folder / "set", ignore_errors=True)
        write_set(self.folder / "set", classes=classes,
                  change=lambda c, i, data: spoil(data) if (c, i) == (5, 3) else data)
        return "folder:set"

    def test_one_broken_png(self):
        bad = "set/class05/3.png"
        wrong_crc = bytearray(support.drawing(0, 0))
        wrong_crc[-13] ^= 1
        start = b"\x89PNG\r\n\x1a\n"

        def sized(width, height):
            return start + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        for what, content, says in [
            ("PNG: empty", b"", "empty file, a PNG expected"),
            ("PNG: a JPEG", b"\xff\xd8\xff\xe0" + bytes(60), "not a PNG but a JPEG"),
            ("PNG: cut in the header", support.drawing(0, 0)[:20], "no whole header"),
            ("PNG: cut in the data", support.drawing(0, 0)[:-40], "broken PNG"),
            ("PNG: a checksum wrong", bytes(wrong_crc), "broken PNG"),
            ("PNG: 1 x 2^31", sized(1, 1 << 31) + bytes(13), "1 x 2147483648 pixels"),
            ("PNG: 46 bytes that ask for petabytes", sized(0x7FFFFFFF, 0x7FFFFFFF) + bytes(13),
             "2147483647 x 2147483647 pixels"),
            ("PNG: no pixels", sized(0, 5) + bytes(13), "0 x 5 pixels"),
        ]:
            self.train_on(what, self.spoiled(lambda _, c=content: c), bad, says)

    def test_a_text_chunk_that_swells(self):
        # In pieces: what this process holds when it starts the program counts as the program's.
        packer = zlib.compressobj(9)
        bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(200)) + packer.flush()
        data = self.spoiled(lambda d: d[:33] + chunk(b"zTXt", b"a\0\0" + bomb) + d[33:])
        done = self.run_program("data", "show", data, "--json", "-")
        self.assertLess(done.json["peak_rss_mib"], 150)  # the text is not unpacked

    def test_other_sizes(self):
        small = self.spoiled(lambda _: support.drawing(5, 3, side=18))
        result = self.run_program("data", "show", small, "--json", "-").json["result"]
        self.assertEqual((result["side_min"], result["side_max"]), (18, 20))  # read right
        self.run_program("fewshot", "train", *SMALL, "--data", small, "--episodes", 3, "--out", "r")
        TABLE.append(("PNG: another size, folder:", 0, "read: each is scaled to what the network sees"))
        shutil.rmtree(self.folder / "r")
        write_set(self.folder / "o" / "Greek", classes=2, change=lambda c, i, data: support.drawing(
            5, 3, side=18) if (c, i) == (1, 3) else data)
        self.train_on("PNG: another size, omniglot:", "omniglot:o", "o/Greek/class01/3.png",
                      "18 x 18 pixels, the drawings before it in Greek/class01 20 x 20")
        (self.folder / "o" / "Greek" / "class01" / "3.png").write_bytes(
            png(20, 10, lambda x, y, _: x * y % 256))
        self.train_on("PNG: not square, omniglot:", "omniglot:o", "o/Greek/class01/3.png",
                      "20 x 10 pixels; Omniglot's drawings are square")

    def test_colour_depths_are_read_right(self):
        # Each kind holds the same picture, so a data set of it has the same answers.
        def of(depth, colour, extra=b""):
            most = (1 << depth) - 1 if colour != 3 else 1
            alpha = 1 if colour in (4, 6) else None

            def pixel(c, i):
                def at(x, y, channel):
                    last = {4: 1, 6: 3}.get(colour)
                    if channel == last and alpha is not None:
                        return most
                    return 0 if support.ink(c, i, x, y) else most
                return at
            folder = self.folder / f"d{depth}c{colour}"
            for c in range(6):
                (folder / f"class{c:02}").mkdir(parents=True)
                for i in range(7):
                    (folder / f"class{c:02}" / f"{i}.png").write_bytes(
                        png(20, 20, pixel(c, i), depth, colour, extra))
            return self.run_program("fewshot", "eval", "--learner", "nearest", "--split", "all",
                                    "--data", f"folder:{folder.name}", *support.EPISODES,
                                    "--episodes", 20, "--json", "-").json["result"]["accuracy"]
        plain = of(8, 0)
        palette = chunk(b"PLTE", bytes([0, 0, 0, 255, 255, 255]))
        for depth, colour, extra in [(1, 0, b""), (2, 0, b""), (4, 0, b""), (16, 0, b""),
                                     (8, 2, b""), (16, 2, b""), (1, 3, palette), (8, 3, palette),
                                     (8, 4, b""), (16, 4, b""), (8, 6, b"")]:
            self.assertEqual(of(depth, colour, extra), plain, (depth, colour))
        TABLE.append(("PNG: 1, 2, 4, 16 bits; palette, alpha, colour", 0,
                      "read: the same pictures give the same answers"))

    def test_colours_where_drawings_are_due(self):
        write_set(self.folder / "o" / "Greek", classes=2, change=lambda c, i, data: png(
            20, 20, lambda x, y, k: 200 * (k == 0), colour=2) if (c, i) == (1, 3) else data)
        self.train_on("PNG: in colour, omniglot:", "omniglot:o", "o/Greek/class01/3.png",
                      "in colour; Omniglot's drawings are black and white")

    def test_layouts(self):
        (self.folder / "empty").mkdir()
        self.train_on("folder: empty", "folder:empty", "empty", "no .png files in it")
        self.train_on("folder: not there", "folder:nowhere", "nowhere", "no such file or folder")
        write_set(self.folder / "one", classes=1)
        self.train_on("folder: one class", "folder:one", "5-way asked of 1 class", "train split",
                      code=2)
        write_set(self.folder / "few", classes=6, images=3)
        self.train_on("folder: 3 images a class where 6 are needed", "folder:few",
                      "5-way asked of 0 classes", "fewer than 1 + 5 images", code=2)
        write_set(self.folder / "set", classes=8)
        self.row("way larger than the classes",
                 ["fewshot", "eval", "--learner", "nearest", "--data", "folder:set", "--split", "all",
                  "--way", "9", "--shot", "1", "--query", "5"], "9-way asked of 8 classes",
                 "all split", code=2)
        (self.folder / "flat").mkdir()
        (self.folder / "flat" / "1.png").write_bytes(support.drawing(0, 0))
        self.train_on("folder: images without a class", "folder:flat", "flat/1.png",
                      "expected at <class>/<image>.png")
        (self.folder / "set" / "class02" / "loop").symlink_to(self.folder / "set")
        self.train_on("folder: a link back to itself", "folder:set", "loop", "a link back")
        (self.folder / "set" / "class02" / "loop").unlink()
        (self.folder / "set" / "class02" / "gone.png").symlink_to("nowhere.png")
        self.train_on("folder: a link to nothing", "folder:set", "class02/gone.png", "no such file")
        (self.folder / "set" / "class02" / "gone.png").unlink()
        os.mkfifo(self.folder / "set" / "class02" / "pipe.png")
        line = self.refused("fewshot", "train", *SMALL, "--data", "folder:set", "--episodes", "3",
                            "--out", "out", code=1, says="class02/pipe.png").err
        self.assertIn("not a regular file", line)

    def test_unreadable(self):
        write_set(self.folder / "set")
        os.chmod(self.folder / "set" / "class02" / "1.png", 0)
        if os.access(self.folder / "set" / "class02" / "1.png", os.R_OK):
            self.skipTest("this user may read everything")
        done = self.refused("data", "show", "folder:set", code=1, says="class02/1.png")
        self.assertIn("ermission denied", done.err)


class Idx(Row):
    def test_rows(self):
        images = b"".join(bytes(0 if support.ink(n % 6, n, x, y) else 255
                                for y in range(20) for x in range(20)) for n in range(60))
        labels = bytes(n % 6 for n in range(60))
        whole = idx([60, 20, 20], images)
        (self.folder / "labels").write_bytes(idx([60], labels))
        (self.folder / "images").write_bytes(gzip.compress(whole))  # gzip of IDX is read
        self.run_program("fewshot", "train", *SMALL, "--data", "idx:images,labels", "--episodes", 3,
                         "--test-alphabets", 0, "--validation-alphabets", 0, "--out", "r")
        shutil.rmtree(self.folder / "r")
        for what, content, says in [
            ("IDX: empty", b"", "empty file, IDX expected"),
            ("IDX: 3 bytes", b"\0\0\x08", "3 bytes, too short for an IDX header"),
            ("IDX: wrong magic", b"\x12\x34\x56\x78" + whole[4:], "not an IDX file (begins 12 34"),
            ("IDX: little-endian", b"\x03\x08\0\0" + whole[4:], "bytes reversed"),
            ("IDX: floats", idx([60, 20, 20], images, kind=13), "holds 32-bit floats"),
            ("IDX: no dimensions", b"\0\0\x08\0", "0 dimensions"),
            ("IDX: five dimensions", idx([1] * 5, b"\0"), "5 dimensions"),
            ("IDX: a dimension of 0", idx([0, 20, 20], b""), "a dimension is 0"),
            ("IDX: 2^96 bytes promised", idx([0xFFFFFFFF] * 3, images), "its header promises"),
            ("IDX: one byte short", whole[:-1], "24000 bytes expected from its header"),
            ("IDX: one byte long", whole + b"\0", "1 more found"),
            ("IDX: a gzip of text", gzip.compress(b"hello, this is text"), "not an IDX file"),
            ("IDX: gzip of a gzip", gzip.compress(gzip.compress(whole)), "gzip inside gzip"),
            ("IDX: gzip cut short", gzip.compress(whole)[:-30], "gzip data cut short"),
            ("IDX: images where there is one dimension", idx([60], labels), "1 dimensions"),
        ]:
            (self.folder / "bad").write_bytes(content)
            self.train_on(what, "idx:bad,labels", "bad", says)
        (self.folder / "images").write_bytes(whole)
        for what, content, says in [
            ("IDX: labels fewer than images", idx([59], labels[:59]), "60 images, but 59 labels"),
            ("IDX: labels are images", whole, "3 dimensions"),
        ]:
            (self.folder / "bad").write_bytes(content)
            self.train_on(what, "idx:images,bad", "bad", says)
        (self.folder / "mnist").mkdir()
        self.train_on("mnist: an empty folder", "mnist:mnist", "mnist",
                      "no train-images-idx3-ubyte (plain or .gz)")


class Checkpoints(Row):
    def setUp(self):
        super().setUp()
        self.train("r", "--episodes", 5)
        self.whole = self.bytes_of("r")
        self.file = self.folder / "r" / "checkpoint.safetensors"

    def both(self, what, content, says, resume_says=None):
        """Refused by eval and by a resume."""
        self.file.write_bytes(content)
        name = "r/checkpoint.safetensors"
        self.row(f"checkpoint: {what}", ["fewshot", "eval", "--run", "r", "--episodes", "3"], name,
                 says)
        self.row(f"checkpoint: {what}, resumed",
                 ["fewshot", "train", "--resume", "r", "--episodes", "6"], name,
                 resume_says or says)

    def test_rows(self):
        header = struct.unpack("<Q", self.whole[:8])[0]
        tensors, metadata = support.read_safetensors(self.whole)
        self.file.write_bytes(support.safetensors(tensors, metadata))  # our writer's is read
        self.run_program("fewshot", "eval", "--run", "r", "--episodes", 3)

        def made(**changes):
            changed = {**tensors, **changes}
            return support.safetensors({k: v for k, v in changed.items() if v}, metadata)
        flipped = bytearray(self.whole)
        flipped[8 + header + 1000] ^= 4

        def with_header(text):
            return struct.pack("<Q", len(text)) + text
        wide = {"phi.block0.conv.weight": ([0, 1 << 40, 3, 3], b"")}
        doubled = {k: ([2 * v[0][0]], 2 * v[1]) for k, v in tensors.items() if k.startswith("carry")}
        f64 = {k: (v[0], struct.pack(f"<{len(v[1]) // 4}d",
                                     *struct.unpack(f"<{len(v[1]) // 4}f", v[1])), "F64")
               for k, v in tensors.items()}
        no_carry = {k: None for k in tensors if k.startswith("carry")}
        for what, content, *says in [
            ("empty", b"", "0 bytes: not a safetensors file"),
            ("7 bytes", self.whole[:7], "7 bytes: not a safetensors file"),
            ("cut in the header", self.whole[:200], "truncated"),
            ("cut in the data", self.whole[:-100], "truncated"),
            ("one byte longer", self.whole + b"\0", "1 bytes of data belong to no tensor"),
            ("a bit flipped in the data", bytes(flipped), "the data are damaged"),
            ("a header of 2^63 bytes", struct.pack("<Q", 1 << 63) + self.whole[8:],
             "a header of 9223372036854775808 bytes is announced"),
            ("a header of no bytes", bytes(8) + self.whole[8:], "does not begin with '{'"),
            ("a header of brackets", with_header(b'{"a":' + b"[" * 100000), "nested too deeply"),
            ("a header that is no JSON", with_header(b'{"a": nothing}'), "the header is not JSON"),
            ("a name twice", with_header(b'{"a":{},"a":{}}'), "the name 'a' stands twice"),
            ("a shape that overflows", with_header(
                b'{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}'),
             "the extents multiply beyond"),
            ("a shape that is negative", with_header(
                b'{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,0]}}'),
             "an extent is not a whole number"),
            ("offsets past the end", with_header(
                b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'), "truncated?"),
            ("of type BF16", with_header(
                b'{"a":{"dtype":"BF16","shape":[0],"data_offsets":[0,0]}}'), "F32 or F64"),
            ("of a newer version", self.whole.replace(b'"metatape.version":"1"',
                                                      b'"metatape.version":"9"'),
             "format version 9"),
            ("a tensor of 2^40 channels", made(**wide), "images have 1 channel or 3",
             "of another model?"),
            ("a tensor missing", made(**{"phi.block1.norm.weight": None}),
             "'block1.norm.weight' is missing: of another model?"),
            ("a tensor too many", made(**{"phi.extra": ([1], bytes(4))}), "'extra' is not expected"),
            ("its running statistics missing", made(**no_carry), "does not fit the model"),
            ("its running statistics of another width", made(**doubled), "does not fit the model"),
            ("of float64", made(**f64), "does not fit the model: conv2d: f32 and f64 do not mix"),
            ("of nothing", support.safetensors({}, metadata), "not a training checkpoint",
             "is missing: of another model?"),
        ]:
            self.both(what, content, *says)

    def test_of_another_architecture(self):
        for kind, says in ((["--filters", 16], "[16, 1, 3, 3], [8, 1, 3, 3] is expected"),
                           (["--network", "conv4-stride"], "of another model?")):
            self.train("other", "--episodes", 3, "--force", *kind)
            self.both(f"of a run with {' '.join(map(str, kind))}", self.bytes_of("other"), says)
        self.train("other", "--episodes", 3, "--force", "--seed", 2)
        self.file.write_bytes(self.bytes_of("other"))
        self.row("checkpoint: of another seed, resumed",
                 ["fewshot", "train", "--resume", "r", "--episodes", "6"], self.file.name,
                 "made by a run of another seed or kind")

    def test_cut_anywhere_and_flipped_anywhere(self):
        # In the program a few; every length and every bit is for the reader's own suite.
        rng = random.Random(4)
        header = 8 + struct.unpack("<Q", self.whole[:8])[0]
        good = self.run_program("fewshot", "eval", "--run", "r", "--episodes", 2, "--json",
                                "-").json["result"]["accuracy"]
        for n in range(12):
            content = bytearray(self.whole)
            if n < 4:
                del content[rng.randrange(len(content)):]
            else:
                at = rng.randrange(header if n < 8 else len(content))
                content[at] ^= 1 << rng.randrange(8)
            self.file.write_bytes(content)
            done = self.run_program("fewshot", "eval", "--run", "r", "--episodes", 2, "--json", "-",
                                    code=None)
            if done.code == 0:  # a bit of the header that changes nothing, like one of the metadata's
                self.assertGreaterEqual(n, 4)
                self.assertEqual(done.json["result"]["accuracy"], good)
            else:
                self.assertEqual(done.code, 1, done)
                self.assertIn("checkpoint.safetensors", self.one_line(done))

    def test_a_run_that_is_none(self):
        (self.folder / "empty").mkdir()
        evaluate = ["fewshot", "eval", "--episodes", "3", "--run"]
        self.row("run: an empty folder", [*evaluate, "empty"], "empty", "no config.toml")
        self.row("run: not there", [*evaluate, "nowhere"], "nowhere", "no config.toml")
        self.file.unlink()
        self.row("run: no checkpoint yet", [*evaluate, "r"], "r/checkpoint.safetensors",
                 "No such file")
        tensors, metadata = support.read_safetensors(self.whole)
        self.file.write_bytes(support.safetensors(tensors, {**metadata, "step": "0"}))
        self.row("run: no step done", [*evaluate, "r"], "r/checkpoint.safetensors",
                 "no step of its training is done yet")
        self.file.write_bytes(self.whole)
        (self.folder / "r" / "metrics.jsonl").write_text('{"step":1}\nnonsense\n{"step":2}\n')
        self.row("run: nonsense in the middle of metrics.jsonl",
                 ["fewshot", "train", "--resume", "r", "--episodes", "6"], "r/metrics.jsonl:2",
                 "not an object with a step")


class Toml(Row):
    def test_rows(self):
        deep = b"[" * 10000
        for what, content, says, code in [
            ("TOML: unknown key", b"seed = 3\nlerner = 'matching'\n",
             ":2: unknown key 'lerner'; did you mean 'learner'?", 2),
            ("TOML: wrong type", b"way = 'five'\n", ":1: way: a whole number is expected, this is text",
             2),
            ("TOML: out of range", b"\n\nshot = 0\n", ":3: shot: 0 is out of range: 1 to", 2),
            ("TOML: unknown value", b"learner = 'protypical'\n",
             ":1: unknown learner 'protypical'; did you mean 'prototypical'?", 2),
            ("TOML: a key twice", b"way = 5\nway = 6\n", ":2: 'way' is set twice; first on line 1", 2),
            ("TOML: beyond 64 bits", b"seed = 99999999999999999999\n", "does not fit 64 bits", 2),
            ("TOML: nan", b"learning-rate = nan\n", "not a finite number", 2),
            ("TOML: NUL", b"way = 5\0\n", ":1: a NUL byte", 2),
            ("TOML: lone CR", b"way = 5\rshot = 1\n", ":1: a carriage return without", 2),
            ("TOML: byte order mark", b"\xef\xbb\xbfway = 5\n", ":1: begins with a byte order mark", 2),
            ("TOML: Latin-1", b"way = 5\n# caf\xe9\n", ":2: not UTF-8", 2),
            ("TOML: 10,000 brackets", b"a = " + deep, ":1: nested deeper than 16", 2),
            ("TOML: 10,000 brackets of a table", deep, ":1: nested deeper than 16", 2),
            ("TOML: 10 MiB", b"#" * (10 << 20), "larger than", 1),
            ("TOML: no TOML at all", b"learner: matching\n", ":1: not valid TOML", 2),
            ("TOML: a table", b"[fewshot]\nway = 5\n", "'fewshot' is a table", 2),
            ("TOML: of another command", b"command = 'data show'\n", "settings of 'data show'", 2),
        ]:
            (self.folder / "bad.toml").write_bytes(content)
            self.row(what, ["fewshot", "train", *SMALL[:2], "--config", "bad.toml", "--episodes", "3",
                            "--out", "out"], "bad.toml", says, code)
        self.row("TOML: not there", ["fewshot", "train", "--config", "nowhere.toml", "--out", "out"],
                 "nowhere.toml", "No such file")
        self.row("TOML: a folder", ["fewshot", "train", "--config", ".", "--out", "out"], ".",
                 "Is a directory")


class Places(Row):
    def train_into(self, what, out, names, says, **options):
        self.row(what, ["fewshot", "train", *SMALL, "--episodes", "3", "--out", out], names, says,
                 out="nothing", **options)

    def test_unwritable_out(self):
        (self.folder / "file").write_text("mine")
        self.train_into("--out: a file", "file", "file", "is a file, and a folder is needed")
        self.train_into("--out: below a file", "file/below", "file/below",
                        "cannot be made: Not a directory")
        self.train_into("--out: a name too long", "n" * 300, "error: nnn",
                        "cannot be made: File name too long")
        if os.path.isdir("/proc/self"):
            self.train_into("--out: in /proc", "/proc/metatape", "/proc/metatape", "cannot be made")
        for words in (["data", "show", DATA], ["gradients", "check", "--op", "exp"],
                      ["fewshot", "show", "--data", DATA, "--way", "2", "--query", "1"],
                      ["fewshot", "eval", "--learner", "nearest", "--data", DATA, "--episodes", "3",
                       *support.EPISODES]):
            self.row(f"--out: below a file, {' '.join(words[:2])}", [*words, "--out", "file/below"],
                     "file/below", "Not a directory")
        self.row("--json: below a file", ["gradients", "check", "--op", "exp", "--quiet", "--json",
                                          "file/x.json"], "file/x.json", "Not a directory",
                 stdout=subprocess.DEVNULL)

    def test_a_folder_without_permission(self):
        (self.folder / "closed").mkdir(mode=0o555)
        if os.access(self.folder / "closed", os.W_OK):
            self.skipTest("this user may write everywhere")
        self.train_into("--out: a folder without permission", "closed/r", "closed/r",
                        "Permission denied")

    def in_own_mounts(self, option, *words, **options):
        """The program with a small file system of its own at `disk`, which goes with it."""
        script = 'mount -t tmpfs -o "$1" metatape-test disk || exit 77; shift; exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", script, "sh", option, support.PROGRAM, *words]
        (self.folder / "disk").mkdir(exist_ok=True)
        try:
            done = subprocess.run([str(c) for c in command], cwd=self.folder, env=environment(),
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, check=False,
                                  timeout=support.PATIENCE, **options)
        except FileNotFoundError:
            self.skipTest("no unshare")
        if done.returncode == 77 or done.stderr.startswith("unshare"):
            self.skipTest("this user may not mount")
        return support.Done(done.returncode, done.stdout, done.stderr)

    def noted(self, what, done, names, says):
        line = self.one_line(done)
        self.assertEqual(done.code, 1, done)
        self.assertIn(names, line)
        self.assertIn(says, line)
        TABLE.append((what, done.code, line.replace(str(self.folder) + "/", "")))

    def test_a_read_only_disk(self):
        self.noted("--out: a read-only disk", self.in_own_mounts(
            "ro,size=64k", "fewshot", "train", *SMALL, "--episodes", "3", "--out", "disk/r"),
            "disk/r", "Read-only file system")

    def test_a_full_disk(self):
        train = ["fewshot", "train", *SMALL, "--episodes", "30", "--save-every", "0"]
        self.noted("full disk: at the checkpoint", self.in_own_mounts(
            "size=24k", *train, "--out", "disk/r"), "disk/r/checkpoint.safetensors",
            "No space left on device")
        self.noted("full disk: at config.toml", self.in_own_mounts(
            "size=4k,nr_inodes=3", *train, "--out", "disk/r"), "disk/r", "No space left on device")

    def limited(self, size, *words):
        """The program with no file beyond `size` bytes: what a full disk does, for any user."""
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        return self.run_program(*words, code=None, preexec_fn=limit, restore_signals=False)

    def test_files_that_cannot_grow(self):
        # The checkpoint of these settings has 33 kB, config.toml half of one.
        train = ["fewshot", "train", *SMALL, "--episodes", "30", "--out", "r"]
        self.noted("no room for the checkpoint", self.limited(16384, *train),
                   "r/checkpoint.safetensors", "File too large")
        run = self.folder / "r"
        self.assertEqual({p.name for p in run.iterdir()} - {".lock"}, {"config.toml", "metrics.jsonl"})
        self.run_program("fewshot", "train", "--resume", "r")  # as soon as there is room
        self.train("whole", "--episodes", 30)
        self.assertEqual(self.bytes_of("whole"), self.bytes_of("r"))
        self.assertEqual(self.metrics("whole"), self.metrics("r"))
        # A later save that fails leaves the one before.
        before = self.bytes_of("r")
        self.noted("no room for a later checkpoint", self.limited(
            16384, "fewshot", "train", "--resume", "r", "--episodes", "40", "--save-every", "0",
            "--quiet"),
            "r/checkpoint.safetensors", "File too large")
        self.assertEqual(self.bytes_of("r"), before)
        self.no_strays(run)
        self.noted("no room for config.toml", self.limited(
            64, "fewshot", "train", *SMALL, "--episodes", "3", "--out", "s"), "s/config.toml",
            "File too large")
        self.assertEqual({p.name for p in (self.folder / "s").iterdir()} - {".lock"}, set())
        self.noted("no room for metrics.jsonl", self.limited(
            1024, "fewshot", "train", *SMALL, "--episodes", "100", "--validation-alphabets", "0",
            "--out", "t"), "t/metrics.jsonl", "File too large")
        self.run_program("fewshot", "train", "--resume", "t")
        self.no_strays(self.folder)

    def test_json_that_cannot_be_written(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        link = self.folder / "full"
        link.symlink_to("/dev/full")
        done = self.run_program("gradients", "check", "--op", "exp", "--json", "full", code=None)
        self.noted("--json: a full device", done, "full", "No space left on device")
        self.assertEqual(os.readlink(link), "/dev/full")


class Classify(Row):
    def test_rows(self):
        self.train("r", "--episodes", 3)
        write_set(self.folder / "known", classes=2, images=1)
        write_set(self.folder / "one", classes=1, images=1)
        (self.folder / "unknown").mkdir()
        (self.folder / "empty").mkdir()
        (self.folder / "unknown" / "1.png").write_bytes(b"\x89PNG\r\n")

        def classify(support_set, query):
            return ["fewshot", "classify", "--run", "r", "--support", support_set, "--query", query]
        self.row("classify: a broken PNG", classify("known", "unknown"), "unknown/1.png", "not a PNG")
        self.row("classify: one class", classify("one", "unknown"), "one", "at least 2 are needed")
        self.row("classify: no support", classify("empty", "unknown"), "empty",
                 "at least 2 are needed")
        self.row("classify: no queries", classify("known", "empty"), "empty", "no PNG files")
        self.row("classify: folders not there", classify("known", "nowhere"), "nowhere",
                 "No such file")
        self.row("oneshot: no runs in it",
                 ["fewshot", "oneshot", "--learner", "nearest", "--task", "known"], "known",
                 "no runs in it")
        self.row("oneshot: not there",
                 ["fewshot", "oneshot", "--learner", "nearest", "--task", "no.zip"], "no.zip",
                 "no such file")


def print_table():
    print("| input | exit code | line |\n|---|---|---|")
    for what, code, line in TABLE:
        line = line.removeprefix("metatape: error: ")
        print(f"| {what} | {code} | `{line if len(line) < 230 else line[:60] + ' ... ' + line[-60:]}` |")
    print()


if __name__ == "__main__":
    if "--table" in sys.argv:
        sys.argv.remove("--table")
        import atexit
        atexit.register(print_table)
    support.main()
