#!/usr/bin/env python3
"""`fewshot ablate`: a learner's start and steps beside random ones and plain descent."""
import support
from support import Case


class Ablate(Case):
    def learn(self, learner, *words):
        self.train("r", "--learner", learner, "--episodes", 60, "--network", "conv4-stride-map",
                   "--learning-rate", 0.01, "--validation-alphabets", 2, *words)

    def ablate(self, *words):
        return self.run_program("fewshot", "ablate", "--run", "r", "--episodes", 20, *words,
                                "--json", "-").json["result"]

    def test_the_learner_is_judged_as_by_eval(self):
        self.learn("lstm", "--test-steps", 3)
        found = self.ablate("--steps", "3,0", "--threads", 1)
        self.assertEqual(found["steps"], self.ablate("--steps", "3,0", "--threads", 2)["steps"])
        judged = self.run_program("fewshot", "eval", "--run", "r", "--episodes", 20, "--json",
                                  "-").json["result"]
        rows = found["steps"]["3"]
        self.assertEqual(list(rows), ["learner", "untrained", "random_start", "sgd",
                                      "sgd_random_start"])
        self.assertEqual((rows["learner"]["accuracy"], rows["learner"]["ci95"]),
                         (judged["accuracy"], judged["ci95"]))
        for name, row in rows.items():
            if name != "learner":
                self.assertAlmostEqual(row["below_learner"],
                                       rows["learner"]["accuracy"] - row["accuracy"], places=12)
        # Without a step the start alone counts.
        rows = {name: row["accuracy"] for name, row in found["steps"]["0"].items()}
        self.assertEqual(rows["learner"], rows["sgd"])
        self.assertEqual(rows["untrained"], rows["random_start"])
        self.assertEqual(rows["untrained"], rows["sgd_random_start"])
        self.assertNotEqual(rows["learner"], rows["untrained"])

    def test_steps_that_are_descent(self):
        # Rates are learned at a rate of nearly nothing: the learner is descent at 0.1.
        self.learn("maml", "--order", "first", "--learned-rates", "--inner-rate", 0.1,
                   "--learning-rate", "1e-12")
        rows = self.ablate("--steps", "2", "--out", "e")["steps"]["2"]
        self.assertEqual(rows["learner"]["accuracy"], rows["untrained"]["accuracy"])
        self.assertIn(rows["sgd"]["rate"], [0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 1, 3])
        self.assertTrue((self.folder / "e/figures/steps.csv").exists())
        self.learn("fomaml", "--inner-rate", rows["sgd"]["rate"], "--learning-rate", "1e-12",
                   "--force")
        self.assertEqual(self.ablate("--steps", "2")["steps"]["2"]["learner"]["accuracy"],
                         rows["sgd"]["accuracy"])

    def test_what_is_refused(self):
        self.train("proto", "--episodes", 3)
        self.refused("fewshot", "ablate", "--run", "proto",
                     says="prototypical has no start and no steps of its own")
        for steps in ("x", "-1", "1.5", "1,x"):
            self.refused("fewshot", "ablate", "--run", "proto", "--steps", steps,
                         says="whole numbers from 0 to 100000")


if __name__ == "__main__":
    support.main()
