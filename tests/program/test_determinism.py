#!/usr/bin/env python3
"""Equal bits: on any number of threads, and after SIGKILL at any moment and a resume.

tests/release/kills.py does the same for every learner at full size.
"""
import random
import signal
import time

import support
from support import Case, killed_and_resumed


def quick(learner, *words):
    """The options of a learner whose step takes some milliseconds."""
    steps = [] if learner in ("prototypical", "matching") else ["--test-steps", 2]
    return ["--learner", learner, *words, "--network", "conv4-stride-map", "--meta-batch", 2,
            *steps, "--validation-alphabets", 0]


class Threads(Case):
    def equal_on_threads(self, *kind):
        runs = {}
        for n in (1, 2, 3):
            self.train(f"r{n}", "--episodes", 40, "--threads", n, "--force", *kind)
            runs[n] = (self.bytes_of(f"r{n}"), self.metrics(f"r{n}"))
        self.assertEqual(runs[1], runs[2], kind)
        self.assertEqual(runs[1], runs[3], kind)

    def test_every_learner_is_equal_on_one_two_and_three_threads(self):
        self.equal_on_threads()
        for learner in support.learners():
            self.equal_on_threads(*quick(learner))

    def test_options_of_learners_are_equal_on_one_two_and_three_threads(self):
        for kind in (["matching", "--fce", "--pairing", "episode"], ["maml", "--learned-rates"],
                     ["maml", "--proximal", 1], ["lstm", "--inner-batch", 3]):
            self.equal_on_threads(*quick(*kind))

    def test_three_processes_at_once(self):
        runs = [self.start("fewshot", "train", *support.SMALL, "--episodes", 40, "--out", f"r{n}")
                for n in range(3)]
        for run in runs:
            self.assertEqual(self.finish(run).code, 0)
        self.assertEqual(self.bytes_of("r0"), self.bytes_of("r1"))
        self.assertEqual(self.bytes_of("r0"), self.bytes_of("r2"))

    def test_saving_often_changes_nothing(self):
        self.train("seldom", "--episodes", 30)
        self.train("often", "--episodes", 30, "--save-every", 0)
        self.assertEqual(self.bytes_of("seldom"), self.bytes_of("often"))

    def test_another_seed_is_another_run(self):
        self.train("one", "--episodes", 5)
        self.train("two", "--episodes", 5, "--seed", 2)
        self.assertNotEqual(self.bytes_of("one"), self.bytes_of("two"))


class Killed(Case):
    def test_killed_at_ten_moments(self):
        words = [*support.SMALL, "--episodes", 500, "--threads", 2]
        self.train("whole", "--episodes", 500, "--threads", 1)
        met = killed_and_resumed(self, words, "killed", kills=10, longest=0.12, seed=1)
        print("killed:", ", ".join(f"{v} {k}" for k, v in met.items()))
        self.assertEqual(met["kills"], 10)
        self.assertGreaterEqual(met["before the first save"], 2)
        self.assertEqual(met["finished before"], 0, "too short to be killed ten times")
        self.assertEqual(self.bytes_of("whole"), self.bytes_of("killed"))
        self.assertEqual(self.metrics("whole"), self.metrics("killed"))
        self.assertEqual(self.bytes_of("whole", "config.toml"), self.bytes_of("killed", "config.toml"))

    def test_every_learner_killed_at_ten_moments(self):
        for learner in support.learners():
            words = [*support.SMALL, *quick(learner), "--episodes", 400]
            self.run_program("fewshot", "train", *words, "--threads", 1, "--out", "w-" + learner)
            met = killed_and_resumed(self, [*words, "--threads", 2], "k-" + learner, kills=10,
                                     longest=0.05, seed=1)
            print(f"{learner} killed:", ", ".join(f"{v} {k}" for k, v in met.items()))
            self.assertGreaterEqual(met["before the first save"], 2, learner)
            self.assertLess(met["finished before"], 8, learner)  # a kill met a run that saves
            self.assertEqual(self.bytes_of("w-" + learner), self.bytes_of("k-" + learner), learner)
            self.assertEqual(self.metrics("w-" + learner), self.metrics("k-" + learner), learner)

    def test_killed_while_nothing_is_there_yet(self):
        # Whatever moment it meets, the folder is either no run yet or one that goes on.
        self.train("whole", "--episodes", 5)
        rng = random.Random(2)
        for n in range(4):
            process = self.start("fewshot", "train", *support.SMALL, "--episodes", 5, "--out", f"r{n}")
            time.sleep(rng.uniform(0, 0.3))
            process.send_signal(signal.SIGKILL)
            process.communicate()
            if (self.folder / f"r{n}" / "config.toml").exists():
                self.run_program("fewshot", "train", "--resume", f"r{n}")
            else:
                self.train(f"r{n}", "--episodes", 5)
            self.assertEqual(self.bytes_of("whole"), self.bytes_of(f"r{n}"))


class Resumed(Case):
    def test_a_torn_line_of_metrics(self):
        self.train("whole", "--episodes", 60)
        self.train("torn", "--episodes", 60)
        file = self.folder / "torn" / "metrics.jsonl"
        whole = file.read_bytes()
        for cut in (len(whole) - 1, len(whole) - 20, 7):
            file.write_bytes(whole[:cut])
            done = self.run_program("fewshot", "train", "--resume", "torn")
            self.assertIn("its last line was torn and is dropped", done.err)
            self.assertTrue(file.read_bytes() in whole or file.read_bytes().endswith(b"}\n"))
        self.assertEqual(self.bytes_of("whole"), self.bytes_of("torn"))

    def test_strays_are_cleared(self):
        self.train("r", "--episodes", 5)
        run = self.folder / "r"
        strays = [run / "checkpoint.safetensors.123.tmp", run / "figures" / "loss.svg.99.tmp"]
        for stray in strays:
            stray.write_text("half")
        mine = run / "figures" / "mine.tmp"
        mine.write_text("mine")
        self.run_program("fewshot", "train", "--resume", "r")
        self.assertEqual([s for s in strays if s.exists()], [])
        self.assertTrue(mine.exists())

    def test_raised_counts_outlast_an_interruption(self):
        self.train("straight", "--episodes", 200, "--decay-episodes", 50)
        self.train("raised", "--episodes", 50)
        process = self.start("fewshot", "train", "--resume", "raised", "--episodes", 200)
        config = self.folder / "raised" / "config.toml"
        self.wait_for(lambda: "episodes = 200\n" in config.read_text(), process)
        process.kill()
        process.communicate()
        self.run_program("fewshot", "train", "--resume", "raised")
        self.assertEqual(self.bytes_of("straight"), self.bytes_of("raised"))
        self.refused("fewshot", "train", "--resume", "raised", "--episodes", 100,
                     says="--episodes 100: raised was made with 200; it can only be raised")

    def test_a_finished_run_stays_as_it_is(self):
        self.train("r", "--episodes", 25)
        before = self.bytes_of("r"), self.bytes_of("r", "metrics.jsonl")
        self.run_program("fewshot", "train", "--resume", "r")
        self.assertEqual((self.bytes_of("r"), self.bytes_of("r", "metrics.jsonl")), before)

    def test_what_a_resume_refuses(self):
        self.train("r", "--episodes", 5)
        self.run_program("data", "show", support.DATA, "--out", "sheet")
        before = support.snapshot(self.folder)
        resume = ["fewshot", "train", "--resume"]
        for words, code, says in [
            ([*resume, "r", "--episodes", "4"], 2, "it can only be raised"),
            ([*resume, "r", "--filters", "16"], 2,
             "--filters 16: r was made with 8, and a resume keeps its settings"),
            ([*resume, "r", "--seed", "2"], 2, "--seed 2: r was made with 1"),
            ([*resume, "r", "--data", "strokes:alphabets=11,drawers=8"], 2, "r was made with strokes"),
            ([*resume, "r", "--out", "x"], 2, "--resume goes on in its own folder"),
            ([*resume, "r", "--force"], 2, "--resume goes on in its own folder"),
            ([*resume, "r", "--config", "r/config.toml"], 2, "--resume takes the run's own"),
            ([*resume, "sheet"], 2, "sheet: a run of 'data show', not of 'fewshot train'"),
            ([*resume, "nowhere"], 1, "nowhere: there is no such run"),
            ([*resume, "r/figures"], 1, "r/figures: no config.toml in it"),
            ([*resume, "r/config.toml"], 1, "there is no such run"),
        ]:
            self.refused(*words, code=code, says=says)
        self.assertEqual(support.snapshot(self.folder), before)
        # The same settings said again are no change.
        self.run_program(*resume, "r", "--filters", "8", "--seed", "1", "--episodes", "5")

    def test_a_run_of_another_version_is_said(self):
        self.train("r", "--episodes", 5)
        config = self.folder / "r" / "config.toml"
        config.write_text(config.read_text().replace('version = "', 'version = "0.0.'))
        done = self.run_program("fewshot", "train", "--resume", "r", "--episodes", 6)
        self.assertRegex(done.err, r"warning: r: made by metatape 0\.0\.[\d.]+, this is .*: bits may")

    def test_config_without_a_count(self):
        self.train("r", "--episodes", 5)
        config = self.folder / "r" / "config.toml"
        config.write_text("".join(line for line in config.read_text().splitlines(True)
                                  if "episodes" not in line))
        self.refused("fewshot", "train", "--resume", "r", code=1,
                     says="r/config.toml: no 'episodes' in it")


if __name__ == "__main__":
    support.main()
