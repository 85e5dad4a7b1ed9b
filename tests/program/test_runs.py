#!/usr/bin/env python3
"""What runs leave and what is made of them: folders, --config, eval, oneshot, show, classify."""
import json
import os
import re
import time

import support
from support import DATA, EPISODES, SMALL, Case, environment, png, write_set

FIELDS = {"learner": str, "accuracy": float, "ci95": float, "episodes": int, "way": int,
          "shot": int, "split": str, "chance": float, "nearest": float, "nearest_centred": float,
          "transductive": bool, "within_alphabet": bool, "rotations": bool, "classes": int}


class Folder(Case):
    def test_what_a_training_leaves(self):
        self.train("r", "--episodes", 25)
        run = self.folder / "r"
        self.assertEqual({p.name for p in run.iterdir()} - {".lock"},
                         {"config.toml", "metrics.jsonl", "checkpoint.safetensors", "summary.json",
                          "figures"})
        steps = [line["step"] for line in self.metrics("r") if "loss" in line]
        self.assertEqual(steps, [10, 20])
        validated = [line["step"] for line in self.metrics("r") if "validation_accuracy" in line]
        self.assertEqual(validated, [1, *range(2, 26, 2), 25])
        times = [line["wall_s"] for line in self.metrics("r", wall=True)]
        self.assertEqual(times, sorted(times))
        summary = json.loads((run / "summary.json").read_text())
        self.assertEqual(summary["result"]["episodes"], 25)
        self.assertIsInstance(summary["result"]["validation_accuracy"], float)
        config = (run / "config.toml").read_text()
        for name in ("out", "json", "threads", "quiet", "force", "save-every"):
            self.assertNotRegex(config, rf"(?m)^{name} ")
        for name in ("seed", "episodes", "data", "learner", "filters", "learning-rate", "way"):
            self.assertRegex(config, rf"(?m)^{name} = ")

    def test_figures_with_gnuplot_and_without(self):
        self.train("without", "--episodes", 12, env=environment(PATH="/nowhere"))
        figures = self.folder / "without" / "figures"
        self.assertEqual({p.suffix for p in figures.iterdir()}, {".csv", ".gp"})
        done = self.run_program("fewshot", "train", "--resume", "without", "--episodes", 13,
                                env=environment(PATH="/nowhere"))
        self.assertRegex(done.err, r"loss\.svg is not drawn \(gnuplot is not installed\); draw it "
                                   r"with: cd .*figures && gnuplot loss\.gp > loss\.svg")
        if not any(os.access(os.path.join(p, "gnuplot"), os.X_OK)
                   for p in os.environ.get("PATH", "").split(":")):
            self.skipTest("no gnuplot to draw with")
        self.train("with", "--episodes", 12)
        figures = self.folder / "with" / "figures"
        self.assertEqual({p.name for p in figures.iterdir()},
                         {f"{n}.{e}" for n in ("loss", "accuracy") for e in ("svg", "csv")})
        for svg in figures.glob("*.svg"):
            self.assertTrue(svg.read_text().rstrip().endswith("</svg>"))
        rows = (figures / "loss.csv").read_text().splitlines()
        self.assertEqual(rows[0], "number,series,x,y,low,high")
        self.assertRegex(rows[1], r"^0,training loss,10,\d")

    def test_config_makes_the_same_run(self):
        self.train("a", "--episodes", 30, "--seed", 7, "--learner", "matching")
        self.run_program("fewshot", "train", "--config", "a/config.toml", "--out", "b")
        self.assertEqual(self.bytes_of("a"), self.bytes_of("b"))
        self.assertEqual(self.bytes_of("a", "config.toml"), self.bytes_of("b", "config.toml"))
        self.assertEqual(self.metrics("a"), self.metrics("b"))
        self.run_program("fewshot", "train", "--config", "a/config.toml", "--seed", 8, "--out", "c")
        self.assertNotEqual(self.bytes_of("a"), self.bytes_of("c"))

    def test_config_of_a_user(self):
        text = f'data = "{DATA}"\nepisodes = 4\nfilters = 8\n"train-way" = 5\ntrain-shot = 1\n' \
               'train-query = 5\nquery = 5 # of five\n'
        (self.folder / "mine.toml").write_text(text)
        self.run_program("fewshot", "train", "--config", "mine.toml", "--out", "a")
        self.run_program("fewshot", "train", *SMALL, "--episodes", 4, "--out", "b")
        self.assertEqual(self.bytes_of("a"), self.bytes_of("b"))

    def test_data_paths_are_kept_absolute(self):
        write_set(self.folder / "set")
        self.train("r", "--episodes", 3, "--data", "folder:set")
        self.assertIn("train-within = 0.0\n", self.bytes_of("r", "config.toml").decode())
        self.assertIn(f'data = "folder:{self.folder.resolve()}/set"',
                      self.bytes_of("r", "config.toml").decode().replace(
                          str(self.folder), str(self.folder.resolve())))
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir()
        self.run_program("fewshot", "eval", "--run", "../r", "--split", "all", "--episodes", 3,
                         cwd=elsewhere)

    def test_out_that_is_not_empty(self):
        self.train("r", "--episodes", 3)
        before = support.snapshot(self.folder)
        self.refused("fewshot", "train", *SMALL, "--episodes", "3", "--out", "r", code=1,
                     says="r: is not empty; name another --out, or add --force")
        self.assertEqual(support.snapshot(self.folder), before)
        (self.folder / "r" / "notes.txt").write_text("mine")
        self.train("r", "--episodes", 4, "--force")
        self.assertEqual((self.folder / "r" / "notes.txt").read_text(), "mine")
        self.assertEqual(json.loads(self.bytes_of("r", "summary.json"))["result"]["episodes"], 4)
        (self.folder / "empty").mkdir()
        self.train("empty", "--episodes", 3)

    def test_default_names_do_not_collide(self):
        runs = [self.start("fewshot", "train", *SMALL, "--episodes", 2) for _ in range(3)]
        for run in runs:
            done = self.finish(run)
            self.assertEqual(done.code, 0, done)
        names = sorted(p.name for p in (self.folder / "runs").iterdir())
        self.assertEqual(len(names), 3)
        for name in names:
            self.assertRegex(name, r"\Afewshot-train-\d{8}T\d{6}Z(-\d)?\Z")
            self.assertTrue((self.folder / "runs" / name / "summary.json").exists())

    def test_a_taken_name_gets_a_number(self):
        # Every second that this can take is taken already, so the name has to differ.
        now = int(time.time())
        (self.folder / "runs").mkdir()
        for second in range(now - 1, now + support.PATIENCE):
            stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
            (self.folder / "runs" / f"fewshot-train-{stamp}").mkdir()
        done = self.run_program("fewshot", "train", *SMALL, "--episodes", 2)
        self.assertRegex(done.out, r"saved in runs/fewshot-train-\d{8}T\d{6}Z-2\n")

    def test_minutes_are_planned_and_kept(self):
        done = self.train("r", "--minutes", 0.02)
        self.assertRegex(done.err, r"planned: [\d,]+ episodes in 0\.02 min ")
        config = self.bytes_of("r", "config.toml").decode()
        planned = int(re.search(r"(?m)^episodes = (\d+)$", config)[1])
        self.assertIn("minutes = 0.02", config)
        self.assertIn(f"decay-episodes = {planned}\n", config)
        result = json.loads(self.bytes_of("r", "summary.json"))["result"]
        self.assertEqual(result["planned_episodes"], planned)
        self.assertLessEqual(result["episodes"], planned)
        self.assertGreater(result["episodes"], 0)

    def test_minutes_count_over_resumes(self):
        # 1e6 episodes planned by hand: only the minutes can end this run, resumed or not.
        self.train("r", "--minutes", 0.01, "--episodes", 1000000)
        done = json.loads(self.bytes_of("r", "summary.json"))["result"]["episodes"]
        self.assertLess(done, 1000000)
        self.run_program("fewshot", "train", "--resume", "r")
        again = json.loads(self.bytes_of("r", "summary.json"))["result"]
        self.assertLess(again["episodes"], 1000000)
        self.run_program("fewshot", "train", "--resume", "r", "--minutes", 0.02)
        more = json.loads(self.bytes_of("r", "summary.json"))["result"]
        self.assertGreater(more["episodes"], done)
        self.assertLess(more["episodes"], 2000000)

    def test_profile_and_memory(self):
        done = self.train("r", "--episodes", 3, "--profile", "--memory")
        self.assertRegex(done.out, r"op +calls +forward ms +pullback ms +MiB")
        self.assertRegex(done.out, r"tape: [\d.]+ MiB at most; process: \d+ MiB")
        result = json.loads(self.bytes_of("r", "summary.json"))["result"]
        self.assertIn("conv2d", [op["op"] for op in result["profile"]])
        self.assertGreater(result["peak_tape_mib"], 0)


class Use(Case):
    def test_eval(self):
        self.train("r", "--episodes", 20)
        done = self.run_program("fewshot", "eval", "--run", "r", "--episodes", 30, "--json", "-")
        result = done.json["result"]
        for field, kind in FIELDS.items():
            self.assertIsInstance(result[field], kind, field)
        self.assertEqual((result["learner"], result["way"], result["shot"], result["split"],
                          result["chance"]), ("prototypical", 5, 1, "test", 0.2))
        self.assertGreater(result["accuracy"], 0.2)
        other = self.run_program("fewshot", "eval", "--run", "r", "--way", 3, "--shot", 2, "--query",
                                 3, "--split", "train", "--episodes", 1, "--json", "-")
        self.assertIsNone(other.json["result"]["ci95"])  # of one episode there is none: not NaN
        self.assertAlmostEqual(other.json["result"]["chance"], 1 / 3)
        self.run_program("fewshot", "eval", "--run", "r", "--episodes", 30, "--out", "e")
        written = json.loads(self.bytes_of("e", "summary.json"))["result"]
        self.assertEqual(written["accuracy"], result["accuracy"])
        self.run_program("fewshot", "eval", "--config", "e/config.toml")
        table = self.run_program("fewshot", "eval", "--run", "r", "--episodes", 30).out
        self.assertRegex(table, r"prototypical +\d+\.\d\d % +± \d+\.\d\d %")
        for baseline, field in (("nearest", "nearest"), ("nearest-centred", "nearest_centred")):
            alone = self.run_program("fewshot", "eval", "--learner", baseline, "--data", DATA,
                                     *EPISODES, "--episodes", 30, "--json", "-").json["result"]
            self.assertEqual(alone["accuracy"], result[field])  # on the same episodes

    def test_eval_does_not_depend_on_threads(self):
        self.train("r", "--episodes", 10)
        results = [self.run_program("fewshot", "eval", "--run", "r", "--episodes", 30, "--threads",
                                    n, "--json", "-").json["result"] for n in (1, 2, 3)]
        self.assertEqual(results[0], results[1])
        self.assertEqual(results[0], results[2])

    def test_hausdorff(self):
        result = self.run_program("fewshot", "eval", "--learner", "hausdorff", "--data", DATA,
                                  *EPISODES, "--episodes", 3, "--json", "-").json["result"]
        self.assertEqual(result["learner"], "hausdorff")
        self.assertGreater(result["accuracy"], 0.2)

    def test_show(self):
        self.train("r", "--episodes", 3)
        for words in ([], ["--run", "r"], ["--as-trained"]):
            result = self.run_program("fewshot", "show", "--data", DATA, "--way", 3, "--query", 2,
                                      *words, "--out", "p", "--force", "--json",
                                      "-").json["result"]
            picture = self.folder / result["picture"]
            self.assertEqual(picture.read_bytes()[:8], b"\x89PNG\r\n\x1a\n")
            self.assertEqual(len(result["classes"]), 3)
            self.assertEqual("accuracy" in result, words == ["--run", "r"])

    def test_classify(self):
        self.train("r", "--episodes", 20)
        write_set(self.folder / "known", classes=3, images=2)
        (self.folder / "unknown").mkdir()
        for c in range(3):
            (self.folder / "unknown" / f"of {c} é.png").write_bytes(support.drawing(c, 0))
        done = self.run_program("fewshot", "classify", "--run", "r", "--support", "known", "--query",
                                "unknown", "--json", "-", "--out", "answers")
        self.assertEqual(json.loads(self.bytes_of("answers", "summary.json")), done.json)
        files = done.json["result"]["files"]
        self.assertEqual([f["file"] for f in files], [f"of {c} é.png" for c in range(3)])
        self.assertEqual([f["label"] for f in files], [f"class{c:02}" for c in range(3)])
        for f in files:
            self.assertTrue(1 / 3 < f["probability"] <= 1, f)
        text = self.run_program("fewshot", "classify", "--run", "r", "--support", "known", "--query",
                                "unknown").out
        self.assertRegex(text, r"of 0 é\.png +class00 +[01]\.\d{4}")

    def test_oneshot(self):
        # Two runs of three classes as Lake distributed them; every drawing is like its class.
        for run in ("run01", "run02"):
            labels = ""
            for kind in ("training", "test"):
                (self.folder / "task" / run / kind).mkdir(parents=True)
            for c in range(3):
                for kind, name in (("training", f"class{c + 1:02}.png"),
                                   ("test", f"item{c + 1:02}.png")):
                    (self.folder / "task" / run / kind / name).write_bytes(
                        png(105, 105, lambda x, y, _: 0 if 20 + 20 * c < x < 26 + 20 * c or
                            y == 10 + 30 * c else 255))
                labels += f"{run}/test/item{c + 1:02}.png {run}/training/class{c + 1:02}.png\n"
            (self.folder / "task" / run / "class_labels.txt").write_text(labels)
        self.train("r", "--episodes", 5)
        for who in (["--learner", "hausdorff"], ["--learner", "nearest"], ["--run", "r"]):
            result = self.run_program("fewshot", "oneshot", *who, "--task", "task", "--json",
                                      "-", "--out", "o", "--force").json["result"]
            self.assertEqual(json.loads(self.bytes_of("o", "summary.json"))["result"], result)
            self.assertEqual(result["runs"], [0.0, 0.0])
            self.assertEqual(result["error_percent"], 0.0)

    def test_gradients_check(self):
        done = self.run_program("gradients", "check", "--op", "exp,matmul,batch_norm", "--json", "-")
        for op in done.json["result"]["ops"]:
            self.assertGreaterEqual(op["cases"], 3)
            for field, bound in (("first_order", 1e-7), ("recorded", 1e-12),
                                 ("second_order", 1e-5), ("float32", 1e-5)):
                self.assertLessEqual(op[field], bound, (op["name"], field))
        self.assertEqual([op["name"] for op in done.json["result"]["ops"]],
                         ["exp", "matmul", "batch_norm"])


class Data(Case):
    def test_show(self):
        write_set(self.folder / "set", classes=4, images=3)
        done = self.run_program("data", "show", "folder:set", "--out", "sheet", "--json", "-")
        result = done.json["result"]
        self.assertEqual((result["images"], result["classes"], result["side_min"],
                          result["side_max"]), (12, 4, 20, 20))
        self.assertTrue((self.folder / "sheet" / "figures" / "contact-sheet.png").exists())
        self.assertEqual(len((self.folder / "sheet" / "figures" / "contact-sheet.csv")
                             .read_text().splitlines()), 13)
        self.assertEqual(self.run_program("data", "show", "--data", "folder:set").out,
                         self.run_program("data", "show", "folder:set").out)

    def test_check(self):
        write_set(self.folder / "set", classes=4, images=3)
        done = self.run_program("data", "check", "folder:set", "--json", "-")
        self.assertEqual(done.json["result"]["broken"], [])
        broken = [("class01", "1.png", "cut"), ("class03", "0.png", "")]
        for of, name, content in broken:
            (self.folder / "set" / of / name).write_text(content)
        done = self.run_program("data", "check", "folder:set", code=1)
        for of, name, _ in broken:
            self.assertIn(f"{of}/{name}: ", done.out)
        self.assertIn("10 images of 4 classes read, 2 broken", done.out)
        found = self.run_program("data", "check", "folder:set", "--json", "-", code=1)
        self.assertEqual(len(found.json["result"]["broken"]), 2)
        for entry in found.json["result"]["broken"]:
            self.assertTrue(entry["file"].startswith(str(self.folder.resolve())) or
                            entry["file"].startswith(str(self.folder)))
            self.assertTrue(entry["reason"])

    def test_data_by_name(self):
        folder = self.folder / "data" / "omniglot"
        for alphabet in ("Greek", "Latin"):
            write_set(folder / "set" / alphabet, classes=3, images=2)
        support.zip_folder(folder / "set", folder / "images_background.zip")
        env = environment(METATAPE_DATA=self.folder / "data")
        result = self.run_program("data", "show", "omniglot", "--json", "-", env=env).json["result"]
        self.assertEqual([g["name"] for g in result["groups"]], ["Greek", "Latin"])
        self.refused("data", "show", "omniglot", says="METATAPE_DATA")

    def test_real_omniglot(self):
        path = support.real_data("omniglot/images_background.zip")
        if not path:
            self.skipTest("omniglot/images_background.zip is not there (set METATAPE_TEST_DATA)")
        result = self.run_program("data", "check", f"omniglot:{path}", "--json", "-").json["result"]
        self.assertEqual((result["images"], result["classes"], result["broken"]), (19280, 964, []))

    def test_real_one_shot(self):
        path = support.real_data("omniglot/all_runs.zip")
        if not path:
            self.skipTest("omniglot/all_runs.zip is not there (set METATAPE_TEST_DATA)")
        result = self.run_program("fewshot", "oneshot", "--learner", "hausdorff", "--task", path,
                                  "--json", "-").json["result"]
        self.assertEqual(len(result["runs"]), 20)
        self.assertAlmostEqual(result["error_percent"], 38.75)


if __name__ == "__main__":
    support.main()
