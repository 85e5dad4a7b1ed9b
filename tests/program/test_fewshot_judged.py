#!/usr/bin/env python3
"""How learners are judged: eval and its curves, compare, several seeds, other data, Lake's runs."""
import csv
import json
import statistics

import support
from support import DATA, EPISODES, SMALL, Case, png, write_set


def write_task(folder, runs=2, classes=3):
    """Lake's layout; every drawing is like its class."""
    for r in range(1, runs + 1):
        run, labels = f"run{r:02}", ""
        for kind in ("training", "test"):
            (folder / run / kind).mkdir(parents=True)
        for c in range(classes):
            data = png(105, 105, lambda x, y, _: 0 if 20 + 12 * c < x < 26 + 12 * c or
                       y == 10 + 15 * c else 255)
            (folder / run / "training" / f"class{c + 1:02}.png").write_bytes(data)
            (folder / run / "test" / f"item{c + 1:02}.png").write_bytes(data)
            labels += f"{run}/test/item{c + 1:02}.png {run}/training/class{c + 1:02}.png\n"
        (folder / run / "class_labels.txt").write_text(labels)


class Judged(Case):
    def result(self, *words, **options):
        return self.run_program("fewshot", *words, "--json", "-", **options).json["result"]

    def seeds(self, out="g", n=2, episodes=10):
        for seed in range(1, n + 1):
            self.train(f"{out}/seed-{seed}", "--episodes", episodes, "--seed", seed)
        return out


class Eval(Judged):
    def test_what_the_answers_tell(self):
        self.train("r", "--episodes", 20)
        result = self.result("eval", "--run", "r", "--episodes", 40, "--out", "e")
        self.assertEqual((result["data"].split(":")[0], result["episode_seed"],
                          result["classes_trained_on"]), ("strokes", 1, 0))
        trained = result["trained"]
        self.assertEqual((trained["way"], trained["shot"], trained["query"], trained["episodes"],
                          trained["seed"]), (5, 1, 5, 20, 1))
        calibration = result["calibration"]
        self.assertEqual(len(calibration["bins"]), 10)
        self.assertEqual(sum(b["queries"] for b in calibration["bins"]), 40 * 25)
        right = sum(b["queries"] * b["right"] for b in calibration["bins"] if b["queries"])
        self.assertAlmostEqual(right / 1000, result["accuracy"])
        off = sum(b["queries"] * abs(b["right"] - b["confidence"])
                  for b in calibration["bins"] if b["queries"])
        self.assertAlmostEqual(off / 1000, calibration["expected_error"])
        self.assertGreater(calibration["negative_log_likelihood"], 0)
        confusion = result["confusion"]
        self.assertEqual(confusion["queries"], 1000)
        self.assertAlmostEqual(1 - confusion["wrong"] / 1000, result["accuracy"])
        self.assertEqual(confusion["alphabets"], [a["name"] for a in result["alphabets"]])
        self.assertEqual([len(row) for row in confusion["rates"]], [2, 2])
        self.assertTrue(0 < confusion["same_alphabet_by_chance"] < 1)
        pairs = result["worst_pairs"]
        self.assertEqual(pairs, sorted(pairs, key=lambda p: -p["wrong"]))
        figures = {p.name for p in (self.folder / "e" / "figures").iterdir()}
        self.assertLessEqual({"calibration.csv", "confusion.csv"}, figures)
        table = list(csv.DictReader((self.folder / "e" / "figures" / "confusion.csv").open()))
        self.assertAlmostEqual(float(table[1]["value"]) / 100, confusion["rates"][0][1])

    def test_what_is_printed(self):
        self.train("r", "--episodes", 5)
        text = self.run_program("fewshot", "eval", "--run", "r", "--episodes", 10, "--verbose").out
        self.assertIn("5-way 1-shot, 10 episodes of 5 queries a class, test split (", text)
        self.assertRegex(text, r"data strokes:\S+, episodes of seed 1\n")
        self.assertRegex(text, r"trained on strokes:\S+, 5-way 1-shot, 5 queries a class, 5 "
                               r"episodes, seed 1\nnot transductive\n")
        self.assertRegex(text, r"probabilities: off by [\d.]+ % ")
        self.assertRegex(text, r"wrong answers: [\d.]+ % name a class of the query's own alphabet")
        self.assertRegex(text, r"taken for each other +wrong +of\n")
        batch = self.run_program("fewshot", "eval", "--run", "r", "--episodes", 5, "--statistics",
                                 "batch").out
        self.assertIn("\ntransductive: ", batch)
        self.assertTrue(self.result("eval", "--run", "r", "--episodes", 5, "--statistics",
                                    "batch")["transductive"])

    def test_alphabets_within(self):
        self.train("r", "--episodes", 5)
        result = self.result("eval", "--run", "r", "--episodes", 30, "--within-alphabet")
        self.assertIsNone(result["confusion"])
        self.assertEqual(sum(a["episodes"] for a in result["alphabets"]), 30)
        mean = sum(a["accuracy"] * a["episodes"] for a in result["alphabets"]) / 30
        self.assertAlmostEqual(mean, result["accuracy"])
        self.assertGreater(result["alphabets"][0]["ci95"], 0)

    def test_curves(self):
        self.train("r", "--episodes", 10)
        curve = self.result("eval", "--run", "r", "--episodes", 20, "--query", 2, "--shots", "1-3,9",
                            "--out", "s")
        self.assertEqual([p["shot"] for p in curve["points"]], [1, 2, 3])  # 9 + 2 of 6 drawings
        alone = self.result("eval", "--run", "r", "--episodes", 20, "--query", 2, "--shot", 2)
        for field in ("accuracy", "ci95", "nearest", "nearest_centred", "nearest_ci95"):
            self.assertEqual(curve["points"][1][field], alone[field], field)
        rows = list(csv.DictReader((self.folder / "s" / "figures" / "shots.csv").open()))
        self.assertAlmostEqual(float(rows[1]["y"]), 100 * alone["accuracy"])
        self.assertAlmostEqual(float(rows[1]["high"]) - float(rows[1]["y"]), 100 * alone["ci95"])
        ways = self.result("eval", "--run", "r", "--episodes", 10, "--ways", "5,2", "--out", "w")
        self.assertEqual([(p["way"], p["chance"]) for p in ways["points"]], [(2, 0.5), (5, 0.2)])
        self.assertTrue((self.folder / "w" / "figures" / "ways.csv").exists())
        said = self.run_program("fewshot", "eval", "--run", "r", "--episodes", 5, "--ways", "2,5000")
        self.assertIn("too few classes or images: 5000-way 1-shot", said.err)
        grid = self.result("eval", "--run", "r", "--episodes", 5, "--query", 2, "--shots", "1,2",
                           "--ways", "2,3")
        self.assertEqual([(p["way"], p["shot"]) for p in grid["points"]],
                         [(2, 1), (2, 2), (3, 1), (3, 2)])
        self.run_program("fewshot", "eval", "--config", "s/config.toml")
        for words, says in ((["--shots", "0"], "--shots: '0'"), (["--shots", "3-1"], "'3-1'"),
                            (["--ways", "two"], "--ways: 'two'"), (["--ways", "1-3"], "'1-3'"),
                            (["--shots", "50"], "50 + 5 images")):
            self.refused("fewshot", "eval", "--run", "r", "--episodes", "5", *words, says=says)


class Compare(Judged):
    def test_pairs(self):
        self.train("a", "--episodes", 25)
        self.train("b", "--episodes", 5, "--learner", "matching", "--no-centre")
        result = self.result("compare", "--runs", "a,b", "--episodes", 30, "--out", "c")
        rows = {r["run"]: r for r in result["runs"]}
        self.assertEqual(list(rows), ["a", "b", "nearest-centred", "nearest"])
        for name in ("a", "b"):  # the very episodes of eval, each run in its own rendering
            alone = self.result("eval", "--run", name, "--episodes", 30)
            for field in ("accuracy", "ci95"):
                self.assertEqual(rows[name][field], alone[field])
        self.assertEqual(rows["nearest"]["accuracy"], alone["nearest"])
        self.assertEqual(rows["nearest-centred"]["accuracy"], alone["nearest_centred"])
        self.assertEqual([r["transductive"] for r in result["runs"]], [False] * 4)
        self.assertIsNone(rows["nearest"]["trained"])
        self.assertEqual([(d["a"], d["b"]) for d in result["differences"]],
                         [("a", "b"), ("a", "nearest-centred"), ("a", "nearest"),
                          ("b", "nearest-centred"), ("b", "nearest")])
        for d in result["differences"]:
            self.assertAlmostEqual(d["mean"], rows[d["a"]]["accuracy"] - rows[d["b"]]["accuracy"])
            apart = (rows[d["a"]]["ci95"] ** 2 + rows[d["b"]]["ci95"] ** 2) ** 0.5
            self.assertTrue(0 < d["ci95"] < 1.5 * apart)
        marks = list(csv.DictReader((self.folder / "c" / "figures" / "accuracy.csv").open()))
        self.assertEqual([m["category"] for m in marks], list(rows))
        text = self.run_program("fewshot", "compare", "--runs", "a,b,hausdorff", "--episodes", 3).out
        self.assertRegex(text, r"a +prototypical +[\d.]+ % +± [\d.]+ % +no +strokes:")
        self.assertRegex(text, r"a +- hausdorff +[+-][\d.]+ % +± ")

    def test_a_run_against_itself_differs_by_nothing(self):
        self.train("a", "--episodes", 5)
        (self.folder / "b").symlink_to(self.folder / "a", target_is_directory=True)
        self.refused("fewshot", "compare", "--runs", "a,b", says="is named twice")
        (self.folder / "b").unlink()
        self.train("b", "--episodes", 5)
        d = self.result("compare", "--runs", "a,b", "--episodes", 10)["differences"][0]
        self.assertEqual((d["mean"], d["ci95"]), (0, 0))

    def test_threads(self):
        self.train("a", "--episodes", 5)
        one, three = (self.result("compare", "--runs", "a,nearest", "--episodes", 20, "--threads", n)
                      for n in (1, 3))
        self.assertEqual(one, three)

    def test_refusals(self):
        self.train("a", "--episodes", 3)
        self.train("f", "--episodes", 3, "--learner", "fomaml", "--meta-batch", 1)
        (self.folder / "empty").mkdir()
        for words, code, says in [
            ([], 2, "--runs"),
            (["--runs", "a,a"], 2, "'a' is named twice"),
            (["--runs", "a,./a/"], 2, "is named twice"),
            (["--runs", "nearest,nearest"], 2, "'nearest' is named twice"),
            (["--runs", "a,empty"], 1, "empty: no config.toml: not the folder of a run"),
            (["--runs", "a,nowhere"], 1, "nowhere: no config.toml"),
            (["--runs", "a,f", "--way", "7"], 2, "f: fomaml: its network has a head of 5 classes"),
            (["--runs", "a", "--way", "5000"], 2, "5000-way asked of"),
        ]:
            self.refused("fewshot", "compare", *words, code=code, says=says)

    def test_classes_that_a_run_was_trained_on(self):
        self.train("a", "--episodes", 3)
        self.train("b", "--episodes", 3, "--test-alphabets", "strokes01,strokes02",
                   "--validation-alphabets", "0")
        done = self.run_program("fewshot", "compare", "--runs", "a,b", "--episodes", 3, "--json",
                                "-")
        self.assertRegex(done.err, r"warning: b: was trained on \d+ of the \d+ classes that it is "
                                   r"judged on")
        self.assertNotIn("warning: a:", done.err)
        rows = done.json["result"]["runs"]
        self.assertEqual(rows[0]["classes_trained_on"], 0)
        self.assertEqual(rows[1]["classes_trained_on"], done.json["result"]["classes"])
        # Another seed of the generator draws other letters under the same names.
        self.train("c", "--episodes", 3, "--data", DATA + ",seed=9")
        done = self.run_program("fewshot", "compare", "--runs", "a,c", "--episodes", 3, "--json",
                                "-")
        self.assertEqual(done.json["result"]["runs"][1]["classes_trained_on"], 0)
        self.assertNotIn("warning", done.err)
        # Asked for the training split, nobody need be warned.
        done = self.run_program("fewshot", "eval", "--run", "a", "--split", "train", "--episodes", 3,
                                "--json", "-")
        self.assertGreater(done.json["result"]["classes_trained_on"], 0)
        self.assertNotIn("warning", done.err)


class Seeds(Judged):
    def test_profile(self):
        self.seeds(n=1, episodes=3)
        for verb, runs in (("eval", "--run"), ("compare", "--runs")):
            done = self.run_program("fewshot", verb, runs, "g/seed-1", "--episodes", 5, "--profile",
                                    "--json", "r.json")
            self.assertRegex(done.out, r"op +calls +forward ms +pullback ms +MiB")
            result = json.loads((self.folder / "r.json").read_text("utf-8"))["result"]
            self.assertGreater({o["op"]: o["calls"] for o in result["profile"]}["conv2d"], 0)

    def test_eval_and_compare(self):
        self.seeds()
        result = self.result("eval", "--run", "g", "--episodes", 20)
        self.assertEqual([s["seed"] for s in result["seeds"]], [1, 2])
        each = [self.result("eval", "--run", f"g/seed-{s}", "--episodes", 20)["accuracy"]
                for s in (1, 2)]
        self.assertEqual([s["accuracy"] for s in result["seeds"]], each)
        self.assertAlmostEqual(result["accuracy"], statistics.mean(each))
        self.assertEqual((result["seed_low"], result["seed_high"]), (min(each), max(each)))
        self.assertRegex(self.run_program("fewshot", "eval", "--run", "g", "--episodes", 5).out,
                         r"prototypical .*\(of 2 seeds [\d.]+ % to [\d.]+ %\)")
        rows = self.result("compare", "--runs", "g,g/seed-2", "--episodes", 20)["runs"]
        self.assertEqual(rows[0]["accuracy"], result["accuracy"])
        self.assertEqual(rows[1]["accuracy"], each[1])
        self.refused("fewshot", "show", "--run", "g", "--out", "p", says="g/seed-1")

    def test_order_and_strangers(self):
        self.seeds(n=1, episodes=3)
        (self.folder / "g" / "seed-1").rename(self.folder / "g" / "seed-10")
        self.train("g/seed-9", "--episodes", 3, "--seed", 9)
        (self.folder / "g" / "seed-x").mkdir()
        (self.folder / "g" / "seed-3").mkdir()  # no config.toml: no run
        result = self.result("eval", "--run", "g", "--episodes", 3)
        self.assertEqual([s["run"] for s in result["seeds"]], ["g/seed-9", "g/seed-10"])

    def test_oneshot(self):
        self.seeds(episodes=5)
        write_task(self.folder / "task")
        done = self.run_program("fewshot", "oneshot", "--run", "g", "--task", "task", "--json", "-")
        result = done.json["result"]
        self.assertEqual([s["seed"] for s in result["seeds"]], [1, 2])
        self.assertEqual([len(s["runs"]) for s in result["seeds"]], [2, 2])
        self.assertEqual(result["one_at_a_time_differences"], 0)
        text = self.run_program("fewshot", "oneshot", "--run", "g", "--task", "task").out
        self.assertRegex(text, r"seed 1, [\d.]+ %: % errors of each run: 0 0\n")
        self.assertRegex(text, r"mean of 2 runs of 3-way one-shot and 2 seeds \(")


class Oneshot(Judged):
    def test_all_runs_are_printed(self):
        self.train("r", "--episodes", 5)
        write_task(self.folder / "task", runs=3)
        text = self.run_program("fewshot", "oneshot", "--run", "r", "--task", "task").out
        self.assertIn("% errors of each run: 0 0 0\n", text)
        result = self.result("oneshot", "--run", "r", "--task", "task")
        self.assertEqual(result["one_at_a_time_differences"], 0)
        self.assertEqual(result["trained"]["episodes"], 5)
        batch = self.run_program("fewshot", "oneshot", "--run", "r", "--task", "task",
                                 "--statistics", "batch")
        self.assertIn("transductive, images one at a time", batch.out)
        self.assertEqual(batch.err, "")
        untrained = self.result("oneshot", "--learner", "nearest", "--task", "task")
        self.assertIsNone(untrained["one_at_a_time_differences"])

    def test_a_head_that_does_not_fit(self):
        self.train("f", "--episodes", 3, "--learner", "fomaml", "--meta-batch", 1)
        write_task(self.folder / "task")
        self.refused("fewshot", "oneshot", "--run", "f", "--task", "task",
                     says="a head of 5 classes and cannot be asked for 3 ways")


class OtherData(Judged):
    def test_splits_are_those_of_what_is_judged(self):
        self.train("r", "--episodes", 5, "--test-alphabets", "3")
        other = "strokes:alphabets=5,drawers=6,seed=4"
        result = self.result("eval", "--run", "r", "--data", other, "--episodes", 5)
        show = self.run_program("data", "show", other, "--json", "-").json["result"]
        self.assertEqual(result["data"], "strokes:alphabets=5,seed=4,drawers=6")
        self.assertNotEqual(result["data"], result["trained"]["data"])
        sizes = {g["name"]: g["classes"] for g in show["groups"]}
        self.assertEqual(result["classes"], sizes["strokes05"])  # a fifth of five alphabets
        self.assertEqual(result["classes_trained_on"], 0)

    def test_grey_and_colour(self):
        write_set(self.folder / "grey")
        write_set(self.folder / "colour", change=lambda c, i, _: png(
            40, 30, lambda x, y, k: (20, 30, 160)[k] if support.ink(c, i, x * 2 // 3, y * 2 // 3)
            else (250, 250, 240)[k], colour=2))
        words = ["--query", "3", "--episodes", "20", "--split", "all"]
        for trained, other, says in (("grey", "colour", "colours are turned grey"),
                                     ("colour", "grey", "grey images are taken as colour")):
            self.train(trained + "-run", "--episodes", 60, "--data", f"folder:{trained}", "--query",
                       3)
            own = self.result("eval", "--run", trained + "-run", *words)
            done = self.run_program("fewshot", "eval", "--run", trained + "-run", "--data",
                                    f"folder:{other}", *words, "--verbose", "--json", "-")
            self.assertIn(says, done.err)
            self.assertGreater(own["accuracy"], 0.6)
            if trained == "grey":  # blue ink on yellowish paper is ink on paper
                self.assertGreater(done.json["result"]["accuracy"], 0.6)

    def test_real_omniglot_judges_a_run_of_strokes_and_back(self):
        path = support.real_data("omniglot/images_background.zip")
        if not path:
            self.skipTest("omniglot/images_background.zip is not there (set METATAPE_TEST_DATA)")
        self.train("r", "--episodes", 5)
        result = self.result("eval", "--run", "r", "--data", f"omniglot:{path}", "--episodes", 10)
        self.assertEqual((result["classes"], result["classes_trained_on"]), (184, 0))
        self.train("o", "--episodes", 5, "--data", f"omniglot:{path}")
        result = self.result("eval", "--run", "o", "--data", DATA, "--episodes", 10)
        self.assertEqual(len(result["alphabets"]), 2)
        self.assertTrue(result["trained"]["data"].startswith("omniglot:"))


class Gates(Judged):
    def test_by_layer_and_step(self):
        self.train("r", "--learner", "lstm", "--episodes", 2, "--inner-steps", 3, "--test-steps", 4)
        gates = self.result("show", "--run", "r", "--gates", 3, "--out", "g")["gates"]
        self.assertEqual(gates["episodes"], 3)
        self.assertEqual([g["layer"] for g in gates["layers"]],
                         ["block0", "block1", "block2", "block3", "head"])
        for layer in gates["layers"]:
            self.assertEqual((len(layer["forget"]), len(layer["input"])), (4, 4))
            self.assertTrue(all(0.97 < f < 1 for f in layer["forget"]), layer)
            self.assertTrue(all(0.2 < i < 0.45 for i in layer["input"]), layer)  # around 0.3
        for name in ("forget", "input"):
            rows = list(csv.DictReader(open(self.folder / f"g/figures/{name}-gates.csv")))
            self.assertEqual(len(rows), 5 * 4)
            for row in rows:
                self.assertTrue(float(row["low"]) <= float(row["y"]) <= float(row["high"]), row)

    def test_other_learners_have_none(self):
        self.train("r", "--episodes", 2)
        self.refused("fewshot", "show", "--run", "r", "--gates", 2, "--out", "g",
                     says="--gates: r (prototypical) has none")
        self.refused("fewshot", "show", "--gates", 2, "--out", "g", says="needs --run")


if __name__ == "__main__":
    support.main()
