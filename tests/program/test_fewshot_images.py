#!/usr/bin/env python3
"""Images of a user's own, of any polarity, size and colour, and pictures of what a network sees."""
import csv
import shutil

import support
from support import DATA, Case, png, write_set


def like(of, image, kind, side=20, width=None):
    """A drawing of write_set()'s class, in another pen, on other paper, at another size."""
    pen, paper, colour = {
        "dark": ((10,), (250,), 0), "light": ((240,), (5,), 0), "blue": ((20, 30, 160),
                                                                         (250, 250, 235), 2),
        "yellow": ((250, 240, 60), (10, 10, 30), 2), "alpha": ((0, 0, 0, 255), (9, 9, 9, 0), 6),
    }[kind]
    extra = ((width or side) - side) // 2  # margins to both sides

    def pixel(x, y, c):
        x = (x - extra) * 20 // side
        return (pen if 0 <= x < 20 and support.ink(of, image, x, y * 20 // side) else paper)[c]
    return png(width or side, side, pixel, colour=colour)


class Classify(Case):
    def setUp(self):
        super().setUp()
        self.train("r", "--episodes", 40)

    def classify(self, *words, **options):
        return self.run_program("fewshot", "classify", "--run", "r", "--support", "known", "--query",
                                "unknown", *words, **options)

    def right(self, *words):
        files = self.classify(*words, "--json", "-").json["result"]["files"]
        return [f["label"] == "class" + f["file"][:2] for f in files]

    def test_any_polarity_size_and_colour(self):
        far_apart = (0, 6, 11)
        write_set(self.folder / "known", classes=12, images=2)
        for c in set(range(12)) - set(far_apart):
            shutil.rmtree(self.folder / "known" / f"class{c:02}")
        (self.folder / "unknown").mkdir()
        kinds = [("dark", 20), ("light", 20), ("dark", 60), ("light", 45), ("dark", 300),
                 ("blue", 20), ("yellow", 40), ("alpha", 20), ("blue", 140)]
        for c in far_apart:
            for kind, side in kinds:
                (self.folder / "unknown" / f"{c:02} {kind} {side}.PNG").write_bytes(
                    like(c, 0, kind, side))
        right = self.right()
        self.assertGreater(sum(right) / len(right), 0.85, right)
        said = self.classify("--verbose").err
        self.assertIn("00 dark 300.PNG: 300 x 300 pixels, grey", said)
        self.assertIn("00 blue 140.PNG: 140 x 140 pixels, colour", said)
        self.assertIn("colours are turned grey (their luminance) for r", said)

    def test_light_support_and_dark_queries(self):
        write_set(self.folder / "known", classes=3, images=2, change=lambda c, i, _: like(
            c, i, "light"))
        (self.folder / "unknown").mkdir()
        for c in range(3):
            (self.folder / "unknown" / f"{c:02}.png").write_bytes(like(c, 1, "dark"))
        self.assertEqual(self.right(), [True] * 3)
        both = [self.classify("--ink", ink, "--json", "-").json["result"]["files"]
                for ink in ("dark", "light")]
        self.assertNotEqual(both[0], both[1])

    def test_fit_finds_a_small_drawing_on_a_wide_sheet(self):
        write_set(self.folder / "known", classes=3, images=2)
        (self.folder / "unknown").mkdir()
        for c in range(3):
            (self.folder / "unknown" / f"{c:02}.png").write_bytes(like(c, 0, "dark", 40, 400))
        self.assertEqual(self.right("--fit"), [True] * 3)

    def test_a_run_of_colour_takes_grey_images(self):
        write_set(self.folder / "set", change=lambda c, i, _: like(c, i, "blue"))
        self.train("c", "--episodes", 40, "--data", "folder:set")
        write_set(self.folder / "known", classes=3, images=2)
        (self.folder / "unknown").mkdir()
        for c in range(3):
            (self.folder / "unknown" / f"{c:02}.png").write_bytes(like(c, 0, "dark"))
        done = self.run_program("fewshot", "classify", "--run", "c", "--support", "known",
                                "--query", "unknown", "--verbose")
        self.assertIn("grey images are taken as colour for c", done.err)
        for c in range(3):
            self.assertRegex(done.out, rf"0{c}\.png +class0{c} ")

    def test_what_is_missing_is_named(self):
        write_set(self.folder / "known", classes=3, images=2)
        write_set(self.folder / "unknown", classes=1, images=1)
        words = ["fewshot", "classify", "--run", "r", "--support", "known", "--query"]
        self.refused(*words, "unknown", code=1, says="unknown: no PNG files, but 1 folders")
        self.refused(*words, "unknown/class00", "--shot", "3", code=1,
                     says="known/class00: 2 PNG files, --shot 3 asks for more")
        done = self.run_program(*words, "unknown/class00", "--shot", "1", "--json", "-")
        self.assertEqual(len(done.json["result"]["files"]), 1)
        (self.folder / "known" / "class07").mkdir()
        (self.folder / "known" / "class07" / "a.jpg").write_bytes(b"\xff\xd8\xff")
        (self.folder / "known" / "class07" / "b.JPG").write_bytes(b"\xff\xd8\xff")
        self.refused(*words, "unknown/class00", code=1,
                     says="known/class07: no PNG files, but 2 .jpg")
        for name in ("a.jpg", "b.JPG"):
            (self.folder / "known" / "class07" / name).unlink()
        self.refused(*words, "unknown/class00", code=1, says="known/class07: no PNG files")
        (self.folder / "known" / "class07").rmdir()
        (self.folder / "known" / "class00" / "notes.txt").write_text("mine")
        done = self.run_program(*words, "unknown/class00", "--verbose")
        self.assertIn("known/class00/notes.txt: passed over", done.err)
        self.train("f", "--episodes", 2, "--learner", "fomaml", "--meta-batch", 1)
        self.refused("fewshot", "classify", "--run", "f", "--support", "known", "--query",
                     "unknown/class00", says="a head of 5 classes and cannot be asked for 3 ways")


class Folders(Case):
    def test_a_set_of_mixed_sizes_and_polarities_trains(self):
        kinds = [("dark", 20), ("light", 30), ("dark", 150), ("light", 20)]
        write_set(self.folder / "set", change=lambda c, i, _: like(c, i, *kinds[i % 4]))
        self.train("r", "--episodes", 60, "--data", "folder:set")
        result = self.run_program("fewshot", "eval", "--run", "r", "--split", "all", "--query", 3,
                                  "--episodes", 30, "--json", "-").json["result"]
        self.assertGreater(result["accuracy"], 0.7)
        self.assertGreater(result["nearest_centred"], 0.7)  # alike once paper is paper


class Plane(Case):
    def test_embeddings(self):
        self.train("r", "--episodes", 5)
        for of, images in (("episode", 5 * 6), ("split", None)):
            result = self.run_program("fewshot", "show", "--run", "r", "--embeddings", of, "--out",
                                      of, "--json", "-").json["result"]["embeddings"]
            rows = list(csv.DictReader((self.folder / of / "figures" / "embeddings.csv").open()))
            self.assertEqual(len(rows), result["images"])
            if images:
                self.assertEqual(len(rows), images)
                self.assertEqual(sum(r["series"].endswith(", support") for r in rows), 5)
            else:
                self.assertEqual({r["series"] for r in rows}, {"strokes09", "strokes10"})
            shares = result["shares"]
            self.assertTrue(1 >= shares[0] >= shares[1] > 0)
            for axis in ("x", "y"):  # centred
                self.assertAlmostEqual(sum(float(r[axis]) for r in rows) / len(rows), 0, places=3)
        again = self.run_program("fewshot", "show", "--run", "r", "--embeddings", "split", "--out",
                                 "again", "--threads", 1)
        self.assertRegex(again.out, r"embeddings of \d+ images: a plane with [\d.]+ % and ")
        self.assertEqual(self.bytes_of("split", "figures/embeddings.csv"),
                         self.bytes_of("again", "figures/embeddings.csv"))

    def test_refusals(self):
        self.train("f", "--episodes", 2, "--learner", "fomaml", "--meta-batch", 1)
        self.refused("fewshot", "show", "--run", "f", "--embeddings", "split", "--out", "p",
                     says="f (fomaml) has no embedding of single images")
        self.refused("fewshot", "show", "--data", DATA, "--embeddings", "split", "--out", "p",
                     says="--embeddings: needs --run")


if __name__ == "__main__":
    support.main()
