#!/usr/bin/env python3
"""`reproduce` of the gradient laboratory: what the studies state holds, in numbers.

    python3 tests/program/test_reproduce.py PROGRAM [NAME ...]

The two that train networks take minutes and are not run here.
"""
import support


class Reproduce(support.Case):
    def reproduce(self, name, *words):
        done = self.run_program("reproduce", name, "--out", name, "--force", "--quiet", "--json",
                                "-", *words)
        rows = done.json["result"]["rows"]
        for row in rows:
            self.assertEqual(list(row), ["what", "paper", "measured", "ci95"])
            self.assertIsNotNone(row["measured"], row["what"])
        return rows

    def figures(self, name, *files):
        for file in files:
            self.assertTrue((self.folder / name / "figures" / f"{file}.csv").exists(), file)

    def meets(self, row, relative=0.0, absolute=0.0):
        self.assertLessEqual(abs(row["measured"] - row["paper"]),
                             absolute + relative * abs(row["paper"]), row)

    def test_short_horizon_bias(self):
        rows = self.reproduce("short-horizon-bias")
        for row in rows:
            if row["what"].startswith(("excess loss after them", "greedy rate", "excess loss after it",
                                       "excess loss after 2000 steps, greedy",
                                       "excess loss after 2000 steps, best constant")):
                self.meets(row, relative=2e-5)
            elif row["what"].startswith("best constant rate"):
                self.meets(row, relative=5e-3)  # the loss is flat there
        found = {row["what"]: row["measured"] for row in rows}
        self.assertGreater(found["greedy is above it by a factor of"], 13)
        calm = "no noise: greedy rate, mean of steps "
        self.assertGreater(found[calm + "1000 and 1001"], 0.9 * found[calm + "10 and 11"])
        self.figures("short-horizon-bias", "rates", "excess")

    def test_chaos(self):
        rows = self.reproduce("chaos", "--threads", "1")
        self.assertEqual(rows, self.reproduce("chaos", "--threads", "2"))
        for row in rows:
            if row["paper"] is not None and "exponent" in row["what"]:
                self.meets(row, absolute=0.01)
            elif row["what"].startswith("logistic"):
                self.meets(row, relative=1e-5)
        deviations = [row["measured"] for row in rows
                      if row["what"].startswith(("deviation", "the same"))]
        exact, es = deviations[0::2], deviations[1::2]
        self.assertGreater(exact[-1], 1e20)
        self.assertLess(max(es), 10)
        self.figures("chaos", "gradient-norm", "deviation")

    def test_pes_bias(self):
        rows = self.reproduce("pes-bias")
        for row in rows:
            if row["what"].startswith("slope"):
                self.meets(row, relative=1e-8)
            elif row["what"].startswith("θ") and row["paper"] is not None:
                self.meets(row, absolute=1e-3)
        found = {row["what"]: row["measured"] for row in rows}
        for name in ("truncated reverse mode", "truncated ES, mean of seeds"):
            self.assertGreater(found[f"θ after 3000 updates, {name}"], 1)  # from 0.5, away from -1/6
        self.figures("pes-bias", "theta", "loss")


if __name__ == "__main__":
    support.main()
