#!/usr/bin/env python3
"""Ctrl-C and SIGTERM: saved, said how to go on, and gone on with to equal bits."""
import json
import random
import signal
import time

import support
from support import DATA, EPISODES, Case, lines_in

WHOLE = 300  # episodes; a second and a half


class Training(Case):
    def interrupted(self, out, how, moment, *words):
        """A training met by a signal once moment(run) is true."""
        process = self.start("fewshot", "train", *words, *([] if words else [*support.SMALL,
                             "--episodes", WHOLE, "--out", out]))
        run = self.folder / out
        self.wait_for(lambda: moment(run), process)
        process.send_signal(how)
        done = self.finish(process)
        self.assertEqual(done.code, 130, done)
        return done

    def test_interrupted_and_resumed(self):
        self.train("whole", "--episodes", WHOLE)
        rng = random.Random(3)
        for n, how in enumerate((signal.SIGINT, signal.SIGTERM)):
            out = f"r{n}"
            done = self.interrupted(out, how, lambda run: lines_in(run / "metrics.jsonl") > 3)
            self.assertIn("stopping after this step; once more to end at once", done.err)
            self.assertIn(f"metatape: interrupted; saved in {out}; go on with: metatape fewshot train "
                          f"--resume {out}\n", done.err)
            self.assertEqual(done.out, "")
            summary = json.loads(self.bytes_of(out, "summary.json"))
            self.assertLess(summary["result"]["episodes"], WHOLE)
            for _ in range(2):  # twice more, at any moment
                begun = lines_in(self.folder / out / "metrics.jsonl")
                wait = rng.uniform(0, 0.1)

                def moment(run):
                    if lines_in(run / "metrics.jsonl") <= begun:
                        return False
                    time.sleep(wait)
                    return True
                self.interrupted(out, how, moment, "--resume", out)
            done = self.run_program("fewshot", "train", "--resume", out)
            self.assertRegex(done.err, r"going on after \d+ episodes")
            self.assertEqual(self.bytes_of("whole"), self.bytes_of(out))
            self.assertEqual(self.metrics("whole"), self.metrics(out))

    def test_interrupted_as_soon_as_there_is_a_run(self):
        self.train("whole", "--episodes", WHOLE)
        done = self.interrupted("r", signal.SIGINT, lambda run: (run / "config.toml").exists())
        self.assertIn("--resume r", done.err)
        self.run_program("fewshot", "train", "--resume", "r")
        self.assertEqual(self.bytes_of("whole"), self.bytes_of("r"))
        self.assertEqual(self.metrics("whole"), self.metrics("r"))

    def test_interrupted_during_a_validation(self):
        # Of 3 ways and 5 queries a validation takes far longer than a step of these settings, so
        # signals at ten places after a validation began meet several of them.
        words = ["--data", DATA, "--filters", "32", "--train-way", "2", "--train-shot", "1",
                 "--train-query", "1", "--way", "3", "--query", "5", "--episodes", "40"]
        self.run_program("fewshot", "train", *words, "--out", "whole")
        file = self.folder / "r" / "metrics.jsonl"
        process = self.start("fewshot", "train", *words, "--out", "r")
        for n in range(1, 9):
            begun = lines_in(file)
            self.wait_for(lambda: lines_in(file) > begun, process)
            time.sleep(0.004 * n)
            process.send_signal(signal.SIGINT)
            self.assertIn(self.finish(process).code, (0, 130))
            process = self.start("fewshot", "train", "--resume", "r")
        self.assertEqual(self.finish(process).code, 0)
        self.assertEqual(self.metrics("whole"), self.metrics("r"))
        self.assertEqual(self.bytes_of("whole"), self.bytes_of("r"))

    def test_a_second_signal_ends_at_once(self):
        # Both signals wait for a process that is held, so no step can end between them.
        self.train("whole", "--episodes", WHOLE)
        process = self.start("fewshot", "train", *support.SMALL, "--episodes", WHOLE, "--out", "r")
        self.wait_for(lambda: lines_in(self.folder / "r" / "metrics.jsonl") > 3, process)
        for how in (signal.SIGSTOP, signal.SIGINT, signal.SIGTERM, signal.SIGCONT):
            process.send_signal(how)
        done = self.finish(process)
        self.assertEqual(done.code, 130, done)
        self.assertIn("metatape: stopping after this step; once more to end at once\n", done.err)
        self.assertIn("metatape: interrupted\n", done.err)
        self.assertFalse((self.folder / "r" / "checkpoint.safetensors").exists())  # nothing saved
        self.run_program("fewshot", "train", "--resume", "r")
        self.assertEqual(self.bytes_of("whole"), self.bytes_of("r"))

    def test_a_run_that_is_being_worked_on(self):
        process = self.start("fewshot", "train", *support.SMALL, "--episodes", 100000, "--out", "r")
        self.wait_for(lambda: lines_in(self.folder / "r" / "metrics.jsonl") > 0, process)
        self.refused("fewshot", "train", "--resume", "r", code=1,
                     says="r: another process is working on this run")
        self.refused("fewshot", "train", *support.SMALL, "--out", "r", "--force", "--episodes", "3",
                     code=1, says="r: another process is working on this run")
        self.refused("fewshot", "train", *support.SMALL, "--out", "r", "--episodes", "3", code=1,
                     says="r: is not empty")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(self.finish(process).code, 130)


class Others(Case):
    def test_evaluation(self):
        for how in (signal.SIGINT, signal.SIGTERM):
            process = self.start("fewshot", "eval", "--learner", "hausdorff", "--data", DATA,
                                 *EPISODES, "--episodes", 10000000, "--out", f"e{int(how)}")
            time.sleep(0.5)
            process.send_signal(how)
            done = self.finish(process)
            self.assertEqual(done.code, 130, done)
            self.assertIn("interrupted", done.err)
            self.assertEqual(done.out, "")
            self.assertFalse((self.folder / f"e{int(how)}" / "summary.json").exists())

    def test_where_there_is_nothing_to_save(self):
        process = self.start("data", "check", "strokes:alphabets=200")
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        done = self.finish(process)
        self.assertEqual((done.code, done.out), (130, ""), done)
        self.assertIn("metatape: interrupted", done.err)


if __name__ == "__main__":
    support.main()
