#!/usr/bin/env python3
"""`metatape optimizer ...` as a process: what runs leave, equal bits, kills, divergence, bad input."""
import json
import signal

import support
from support import Case, killed_and_resumed, lines_in

PROBLEM = ["--optimizee", "quadratic", "--steps", 20]
SMALL = [*PROBLEM, "--functions", 4, "--unroll", 5, "--hidden", 4, "--layers", 1]


class Optimizer(Case):
    def train_optimizer(self, out, *words, meta_steps=40, **options):
        return self.run_program("optimizer", "train", *SMALL, "--meta-steps", meta_steps, "--out",
                                out, *words, **options)

    def evaluated(self, *words):
        done = self.run_program("optimizer", "eval", *PROBLEM, "--instances", 5, *words, "--json",
                                "-")
        return json.loads(done.out)["result"]

    def same(self, one, other):
        for name in ("checkpoint.safetensors", "optimizer.safetensors"):
            self.assertEqual(self.bytes_of(one, name), self.bytes_of(other, name), name)
        self.assertEqual(self.metrics(one), self.metrics(other))


class Runs(Optimizer):
    def test_what_a_training_leaves(self):
        self.train_optimizer("r")
        run = self.folder / "r"
        self.assertEqual({p.name for p in run.iterdir()} - {".lock"},
                         {"config.toml", "metrics.jsonl", "checkpoint.safetensors",
                          "optimizer.safetensors", "summary.json", "figures"})
        lines = self.metrics("r")
        self.assertEqual([line["step"] for line in lines if "meta_loss" in line], [10, 20, 30, 40])
        validated = {line["step"]: line["validation"] for line in lines if "validation" in line}
        self.assertEqual(list(validated), [1, *range(2, 41, 2)])
        result = json.loads((run / "summary.json").read_text())["result"]
        self.assertEqual(result["meta_steps"], 40)
        self.assertEqual(result["best_validation"], min(validated.values()))
        self.assertEqual(result["best_validation"], validated[result["best_meta_step"]])

    def test_the_weights_used_are_the_best_by_validation(self):
        # Validations see the same fresh functions each time, as a shorter run's last one does.
        self.train_optimizer("r", "--learning-rate", 0.3, "--decay-steps", 40)
        result = json.loads((self.folder / "r" / "summary.json").read_text())["result"]
        best = result["best_meta_step"]
        self.assertLess(best, 40, "the rate is meant to be too high for the last to be the best")
        self.train_optimizer("short", "--learning-rate", 0.3, "--decay-steps", 40,
                             "--validate-every", 2, meta_steps=best)
        self.assertEqual(self.bytes_of("r", "optimizer.safetensors"),
                         self.bytes_of("short", "optimizer.safetensors"))

    def test_profile_and_memory(self):
        done = self.train_optimizer("r", "--profile", "--memory")
        result = json.loads((self.folder / "r" / "summary.json").read_text())["result"]
        self.assertIn("lstm_columns", [op["op"] for op in result["profile"]])
        self.assertGreater(result["peak_tape_mib"], 0)
        self.assertIn("MiB at most", done.out)

    def test_a_run_too_short_for_a_curve(self):
        done = self.train_optimizer("r", "--validate-every", 100, meta_steps=3)
        self.assertNotIn("not drawn", done.err)

    def test_evaluation(self):
        self.train_optimizer("r")
        result = self.evaluated("--run", "r", "--against", "sgd,adam,momentum:learning_rate=0.01")
        self.assertEqual((result["steps"], result["instances"]), (20, 5))
        optimizers = result["optimizers"]
        self.assertEqual(list(optimizers), ["learned", "sgd", "adam", "momentum:learning_rate=0.01"])
        for name, numbers in optimizers.items():
            self.assertEqual((numbers["functions"], numbers["diverged"]), (5, 0), name)
            self.assertLess(numbers["final_low"], numbers["final_high"])
        for name in ("sgd", "adam"):
            grid = {point["learning_rate"]: point["final_mean"]
                    for point in optimizers[name]["grid"]}
            best = min((rate for rate in grid if grid[rate] is not None), key=grid.get)
            self.assertIn(optimizers[name]["learning_rate"], grid)
            self.assertLessEqual(optimizers[name]["learning_rate"], best)  # or one safer
        self.assertNotIn("learning_rate", optimizers["learned"])
        # a file of weights says as much as the run
        alone = self.evaluated("--run", "r/optimizer.safetensors", "--against",
                               "momentum:learning_rate=0.01")
        self.assertEqual(alone["optimizers"]["learned"], optimizers["learned"])

    def test_tuning_tells_its_grid_and_an_edge(self):
        words = ["optimizer", "tune", *PROBLEM, "--instances", 5, "--json", "-"]
        result = json.loads(self.run_program(*words, "--optimizer", "sgd").out)["result"]
        rates = [point["learning_rate"] for point in result["grid"]]
        self.assertEqual(rates, sorted(rates))
        self.assertIn(result["best"], rates[1:-1])
        self.assertFalse(result["at_grid_edge"])
        # f falls without end: the largest rate is always the best
        edge = self.run_program("optimizer", "tune", "--optimizee", "bowl:curvature=1e-9",
                                "--steps", 5, "--instances", 1, "--optimizer", "sgd", "--json", "-")
        self.assertTrue(json.loads(edge.out)["result"]["at_grid_edge"])
        self.assertIn("edge of the grid", edge.err)

    def test_looking_inside(self):
        self.train_optimizer("r")
        for what in (["--run", "r"], ["--optimizer", "adam:learning_rate=0.01"]):
            self.run_program("optimizer", "show", *what, *PROBLEM, "--out", "shown", "--force")
            data = {p.stem for p in (self.folder / "shown" / "figures").glob("*.csv")}
            self.assertLessEqual({"update-by-gradient", "loss", "step-size", "coordinate"}, data)
        self.run_program("optimizer", "show", "--run", "r", *PROBLEM, "--out", "inside")
        data = {p.stem for p in (self.folder / "inside" / "figures").glob("*.csv")}
        self.assertLessEqual({"state-h0", "state-c0"}, data)


class EqualBits(Optimizer):
    def test_on_one_two_and_three_threads(self):
        for kind in (["--meta-batch", 3, "--order", "exact"],
                     ["--model", "rnnprop", "--random-scaling", 2, "--convex-companion"],
                     ["--meta-batch", 2, "--estimator", "pes:3", "--sigma", 0.1]):
            for n in (1, 2, 3):
                self.train_optimizer(f"r{n}", "--threads", n, "--force", *kind)
            self.same("r1", "r2")
            self.same("r1", "r3")

    def test_killed_at_ten_moments(self):
        words = [*SMALL, "--meta-steps", 400, "--shortest", 5, "--imitate", 0.3]
        self.run_program("optimizer", "train", *words, "--out", "whole")
        met = killed_and_resumed(self, words, "killed", kills=10, longest=0.1, seed=5,
                                 command="optimizer")
        self.assertEqual(met["kills"], 10)
        self.assertGreaterEqual(met["before the first save"], 2)
        self.same("whole", "killed")

    def test_an_estimator_s_run_goes_on_where_it_was(self):
        words = ["--estimator", "nres:2", "--meta-batch", 2]
        self.train_optimizer("whole", *words, meta_steps=12)
        self.train_optimizer("r", *words, "--decay-steps", 12, meta_steps=5)
        self.run_program("optimizer", "train", "--resume", "r", "--meta-steps", 12)
        self.same("whole", "r")

    def test_what_a_killed_save_left_is_cleared(self):
        self.train_optimizer("r")
        for name in ("optimizer.safetensors", "checkpoint.safetensors"):
            (self.folder / "r" / f"{name}.4711.tmp").write_bytes(b"half")
        self.run_program("optimizer", "train", "--resume", "r")
        self.no_strays(self.folder / "r")

    def test_no_weights_of_the_run_before_are_left(self):
        self.train_optimizer("r")
        process = self.start("optimizer", "train", *SMALL, "--meta-steps", 10**6, "--out", "r",
                             "--force")
        run = self.folder / "r"
        self.wait_for(lambda: not (run / "summary.json").exists(), process)  # the last to go
        self.wait_for(lambda: lines_in(run / "metrics.jsonl") > 0, process)
        self.refused("optimizer", "eval", "--run", "r", code=1, says="the run has not saved yet")

    def test_interrupted(self):
        self.train_optimizer("whole", meta_steps=400)
        process = self.start("optimizer", "train", *SMALL, "--meta-steps", 400, "--out", "r")
        self.wait_for(lambda: lines_in(self.folder / "r" / "metrics.jsonl") > 2, process)
        process.send_signal(signal.SIGINT)
        done = self.finish(process)
        self.assertEqual(done.code, 130, done)
        self.assertIn("--resume r", done.err)
        self.run_program("optimizer", "train", "--resume", "r")
        self.same("whole", "r")


class Divergence(Optimizer):
    def test_is_told_and_not_averaged_away(self):
        # Updates beyond what squares in float32: the first step leaves all numbers.
        self.train_optimizer("wild", "--output-scale", 1e30)
        result = self.evaluated("--run", "wild", "--against", "sgd:learning_rate=0.001")
        learned = result["optimizers"]["learned"]
        self.assertEqual((learned["diverged"], learned["first_divergence"]), (5, 1))
        for field in ("final_mean", "final_ci95", "final_median", "last5_mean", "sum_mean"):
            self.assertIsNone(learned[field], field)
        self.assertEqual(result["optimizers"]["sgd:learning_rate=0.001"]["diverged"], 0)
        table = self.run_program("optimizer", "eval", *PROBLEM, "--run", "wild", "--instances", 5,
                                 "--against", "sgd:learning_rate=0.001")
        self.assertIn("5 from step 1", table.out)
        summary = json.loads((self.folder / "wild" / "summary.json").read_text())["result"]
        self.assertIsNone(summary["best_validation"])
        self.assertGreater(summary["diverged"], 0)


class BadInput(Optimizer):
    def test_options(self):
        for words, says in (
                (["--optimizee", "quadrotic"], "did you mean 'quadratic'?"),
                (["--optimizee", "quadratic:dims=3"], "did you mean 'dim'?"),
                (["--optimizee", "quadratic:dim=0"], "dim=0: a whole number from 1 to"),
                (["--optimizee", "quadratic:variant=odd"], "variant=odd"),
                (["--optimizee", "quadratic:dim"], "dim"),
                (["--steps", 0], "--steps: 0 is out of range"),
                (["--unroll", 0], "--unroll: 0 is out of range"),
                (["--shortest", 30], "--shortest 30: longer than --steps 20"),
                (["--curriculum", "10,x"], "'x' is no count"),
                (["--preprocess", 0], "raw, or a number above 0"),
                (["--model", "gru"], "one of lstm, rnnprop"),
                (["--global", 5], "global = 5: at most hidden units"),
                (["--model", "rnnprop", "--global", 1], "--global and --groups are for"),
                (["--imitate", 0.5, "--teacher", "adom"], "did you mean 'adam'?"),
                (["--order", "second"], "one of first, exact"),
                (["--estimator", "pess:3"], "did you mean 'pes'?"),
                (["--estimator", "pes"], "1 to 2 numbers after 'pes' expected"),
                (["--estimator", "pes:3", "--order", "first"], "--order: not beside"),
                (["--sigma", 0.1], "of --estimator es, pes, nres alone")):
            self.refused("optimizer", "train", *SMALL, "--meta-steps", 1, *words, "--out", "r",
                         says=says)
            self.assertFalse((self.folder / "r").exists(), words)
        for words, says in (
                (["--against", "adom"], "did you mean 'adam'?"),
                (["--against", "adam:learning_rate=-1"], "learning_rate = -1: 0 or more"),
                (["--against", "adam:beta1=2"], "beta1 = 2: 0 to 1"),
                (["--against", "adam:beta3=0.5"], "beta3"),
                (["--against", ""], "eval needs --run DIR, or rivals")):
            self.refused("optimizer", "eval", *PROBLEM, *words, says=says)

    def test_checkpoints(self):
        self.train_optimizer("r")
        self.run_program("fewshot", "train", *support.SMALL, "--episodes", 3, "--out", "episodes")
        self.refused("optimizer", "eval", "--run", "episodes",
                     says="a run of 'fewshot train', not of 'optimizer train'")
        self.refused("optimizer", "eval", "--run", "episodes/checkpoint.safetensors",
                     says="episodes/checkpoint.safetensors")
        self.refused("optimizer", "eval", "--run", "nowhere", code=1, says="nowhere")
        self.refused("optimizer", "eval", "--run", "r/config.toml", code=1,
                     says="r/config.toml: a header of")
        whole = self.bytes_of("r", "optimizer.safetensors")
        for name, content in (("cut", whole[:-5]), ("empty", b""),
                              ("flipped", whole[:-9] + bytes([whole[-9] ^ 4]) + whole[-8:])):
            (self.folder / name).write_bytes(content)
            self.refused("optimizer", "eval", "--run", name, code=1, says=name + ": ")
        # the weights of one architecture under the name of another
        spec = json.loads((self.folder / "r" / "summary.json").read_text())["result"]["model"]
        self.assertIn("hidden=4", spec)
        other = whole.replace(b"hidden=4", b"hidden=5")
        (self.folder / "other").write_bytes(other)
        self.refused("optimizer", "eval", "--run", "other", says="other: ")

    def test_a_resume_of_another_command(self):
        self.train_optimizer("r")
        self.refused("fewshot", "train", "--resume", "r", says="optimizer train")


if __name__ == "__main__":
    support.main()
