#!/usr/bin/env python3
"""`fewshot train --seeds N`: runs like any other, the same after every interruption."""
import json
import shutil
import signal

import support
from support import Case, lines_in

GROUP = ["--seeds", 3, "--seed", 4, "--episodes", 60]


class Seeds(Case):
    def summary(self, run):
        return json.loads(self.bytes_of(run, "summary.json"))

    def equal(self, one, other, seeds, metrics=True):
        for seed in seeds:
            for name in ("checkpoint.safetensors", "config.toml"):
                self.assertEqual(self.bytes_of(f"{one}/seed-{seed}", name),
                                 self.bytes_of(f"{other}/seed-{seed}", name), (seed, name))
            if metrics:
                self.assertEqual(self.metrics(f"{one}/seed-{seed}"),
                                 self.metrics(f"{other}/seed-{seed}"))

    def test_each_is_the_run_of_its_seed(self):
        done = self.train("g", *GROUP)
        self.assertEqual(sorted(p.name for p in (self.folder / "g").glob("seed-*")),
                         ["seed-4", "seed-5", "seed-6"])
        for seed in (4, 5, 6):
            self.train("one", "--seed", seed, "--episodes", 60, "--force")
            self.assertEqual(self.bytes_of("one"), self.bytes_of(f"g/seed-{seed}"))
            self.assertEqual(self.bytes_of("one", "config.toml"),
                             self.bytes_of(f"g/seed-{seed}", "config.toml"))
        result = self.summary("g")["result"]
        each = [self.summary(f"g/seed-{s}")["result"]["validation_accuracy"] for s in (4, 5, 6)]
        self.assertEqual([(r["seed"], r["run"], r["validation_accuracy"]) for r in result["runs"]],
                         [(s, f"g/seed-{s}", a) for s, a in zip((4, 5, 6), each)])
        self.assertAlmostEqual(result["validation_accuracy"], sum(each) / 3, places=12)
        self.assertEqual((result["validation_low"], result["validation_high"]),
                         (min(each), max(each)))
        self.assertIn("mean of 3 seeds", done.out)

    def test_interrupted_and_resumed(self):
        self.train("whole", *GROUP)
        for how in (signal.SIGINT, signal.SIGKILL):
            shutil.rmtree(self.folder / "g", ignore_errors=True)
            process = self.start("fewshot", "train", *support.SMALL, *GROUP, "--out", "g",
                                 "--save-every", 0)
            self.wait_for(lambda: lines_in(self.folder / "g/seed-5/metrics.jsonl") > 2, process)
            process.send_signal(how)
            done = self.finish(process)
            if how == signal.SIGINT:
                self.assertEqual(done.code, 130, done)
                self.assertIn("interrupted; saved in g; go on with: metatape fewshot train "
                              "--resume g\n", done.err)
                summary = self.summary("g")
                self.assertTrue(summary["interrupted"])
                self.assertEqual([r["seed"] for r in summary["result"]["runs"]], [4])
            finished = self.folder / "g/seed-4/summary.json"
            before = finished.read_bytes()
            self.run_program("fewshot", "train", "--resume", "g")
            self.assertEqual(finished.read_bytes(), before)  # it stayed as it was
            self.assertFalse(self.summary("g")["interrupted"])
            self.equal("whole", "g", (4, 5, 6))

    def test_more_of_them_and_more_of_each(self):
        self.train("whole", "--seeds", 3, "--episodes", 60, "--decay-episodes", 30)
        self.train("g", "--seeds", 2, "--episodes", 30)
        self.run_program("fewshot", "train", "--resume", "g", "--episodes", 60)
        self.run_program("fewshot", "train", "--resume", "g", "--seeds", 3)
        # Not the metrics: when a run was validated follows from the length planned until then.
        self.equal("whole", "g", (1, 2, 3), metrics=False)
        self.refused("fewshot", "train", "--resume", "g", "--seeds", 2,
                     says="--seeds 2: g was made with 3; it can only be raised")
        # Written over by fewer, none of the old ones stays.
        self.train("g", "--seeds", 1, "--episodes", 5, "--force")
        self.assertEqual([p.name for p in (self.folder / "g").glob("seed-*")], ["seed-1"])

    def test_minutes_are_planned_once_for_all(self):
        self.run_program("fewshot", "train", *support.SMALL, "--seeds", 2, "--minutes", 0.02,
                         "--out", "g")
        planned = {self.summary(f"g/seed-{s}")["result"]["planned_episodes"] for s in (1, 2)}
        self.assertEqual(len(planned), 1)

    def test_what_is_refused(self):
        self.refused("fewshot", "train", *support.SMALL, "--seeds", 2, "--train-way", 5000,
                     "--out", "g", says="5000-way asked of")
        self.refused("fewshot", "train", "--seeds", -1, says="--seeds: -1 is out of range")
        self.assertFalse((self.folder / "g").exists())
        self.train("one", "--episodes", 5)
        self.refused("fewshot", "train", "--resume", "one", "--seeds", 2,
                     says="--seeds 2: one is the run of one seed")


if __name__ == "__main__":
    support.main()
