#!/usr/bin/env python3
"""metatape-bench as a process: what a step takes of memory, what --floors and --scale print, and
what is refused. Nothing is asserted about time.
"""
import json
import unittest

import support
from support import Case

support.PATIENCE = 500  # a window of a thousand steps, on a machine busy with other things


class Bench(Case):
    def bench(self, *words):
        """The JSON objects that are printed, a line each."""
        out = self.run_program(*words, "--json").out
        return [json.loads(line) for line in out.splitlines()]

    def one(self, workload, *words):
        return self.bench("--workload", workload, "--repeat", 1, *words)[0]


class Memory(Bench):
    def setUp(self):
        super().setUp()
        # A program that has its inputs ready, and they are 24 numbers.
        self.program = self.one("W5v")["peak_before_mib"]
        if self.program == 0:
            raise unittest.SkipTest("no /proc to read peak memory from")

    def test_peaks_above_the_program_itself(self):
        for workload, most in (("W1", 40), ("W4a5", 60)):
            peak = self.one(workload)["peak_mib"] - self.program
            self.assertLessEqual(peak, most, workload)
            self.assertGreater(peak, 10, workload)  # it is measured at all

    def test_a_window_of_a_thousand_steps(self):
        # A thousand gradients, and room for the state and for what does not grow. Some seconds:
        # shorter windows are ruled by the rest.
        taken = self.one("W1:steps=1000", "--warmup", 0)["taken_mib"]
        self.assertLessEqual(taken, 1.2 * 4 * 15910 * (1000 + 160) / 2**20)
        self.assertGreater(taken, 4 * 15910 * 1000 / 2**20)  # it is measured at all

    def test_no_page_is_touched_for_the_first_time_in_a_later_step(self):
        # Two steps before: results of one are still there while the next is made.
        for workload in ("W1", "W2", "W4a5", "W5m", "W6"):
            found = self.one(workload, "--warmup", 2, "--repeat", 3)
            self.assertLess(found["faults_per_step"], 10, workload)


class Floors(Bench):
    def test_rates_and_a_floor_a_workload(self):
        machine, w2, w5 = self.bench("--floors", "--workload", "W2,W5v", "--threads", 2,
                                     "--repeat", 1, "--out", "figures")
        self.assertEqual([r["threads"] for r in machine["rates"]], [1, 2])
        for rates in machine["rates"]:
            self.assertGreater(min(rates.values()), 0, rates)
        self.assertEqual((w2["workload"], w5["workload"]), ("W2", "W5v"))
        for found in (w2, w5):
            compute = found["products_ms"] + found["functions_ms"]
            self.assertAlmostEqual(found["floor_ms"], max(compute, found["memory_ms"]))
            self.assertAlmostEqual(found["share_of_floor"], found["floor_ms"] / found["ms"])
        self.assertTrue((self.folder / "figures" / "roofline.csv").exists())

    def test_the_table_names_every_rate(self):
        out = self.run_program("--floors", "--workload", "W5v", "--repeat", 1).out
        for rate in ("multiply-add, float32", "multiply-add, float64", "BLAS product",
                     "sigmoid and tanh in a cell", "exp", "tanh", "triad in L2", "triad in memory"):
            self.assertIn(rate, out)
        self.assertRegex(out, r"(?m)^W5v +[\d.]+ +[\d.e-]+ +\d+ %")


class Scale(Bench):
    def test_an_axis_leaves_a_table_and_figures(self):
        words = ["--scale", "shot", "--most", 2, "--repeat", 1]
        one, two = self.bench(*words, "--least", 1, "--out", "figures")
        self.assertEqual((one["workload"], two["workload"]),
                         ("W4a:way=5:shot=1", "W4a:way=5:shot=2"))
        self.assertGreater(two["mib"], one["mib"])
        self.assertAlmostEqual(one["each"], one["ms"] / 80)
        for name in ("scale-shot-time.csv", "scale-shot-memory.csv"):
            self.assertTrue((self.folder / "figures" / name).exists(), name)
        self.assertRegex(self.run_program(*words).out, r"(?m)^2 +W4a:way=5:shot=2 +")


class Refused(Bench):
    def test_what_is_typed_wrong(self):
        for words, says in [
            ([], "--workload is missing"),
            (["--floor"], "--floor: unknown option; --workload, --threads"),
            (["--workload", "W7"], "--workload W7: not one of W1, W2"),
            (["--workload", "W1:depth=3"], "W1 has no size 'depth'; it has layers, hidden"),
            (["--scale", "depth"], "--scale depth: not one of parameters, hidden, unroll"),
            (["--scale"], "--scale: its value is missing"),
            (["--workload", "W1", "--peer", "nowhere/peer"],
             "--peer nowhere/peer: there is no program that can be run"),
            (["--workload", "W1", "--threads", "0"], "--threads: '0' is not a whole number"),
        ]:
            done = self.run_program(*words, code=2)
            self.assertEqual(done.out, "")
            self.assertEqual(len(done.err.splitlines()), 1, done)
            self.assertTrue(done.err.startswith("metatape-bench: " + says)
                            or says in done.err, done.err)


if __name__ == "__main__":
    support.main()
