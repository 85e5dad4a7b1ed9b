#!/usr/bin/env python3
"""The studies of `metatape gradients`: results, equal bits, pages, interruption, bad input."""
import csv
import html.parser
import json
import math
import re
import signal

import support
from support import Case

SMALL = {
    "compare": ["--steps", 6, "--samples", 8, "--estimators",
                "exact,first,truncated:2,forward,artbp:0.2,es:4,pes:4:2"],
    "horizon": ["--steps", 20],
    "spectrum": ["--steps", 10, "--count", 3],
    "landscape": ["--steps", 5, "--along", "learning_rate=1e-3:0.03:log:9", "--smooth", "1e-4",
                  "--estimators", "exact,es:4"],
}
FIGURES = {
    "compare": {"bias", "error-by-time", "memory"},
    "horizon": {"norm", "cosine", "bias"},
    "spectrum": {"growth", "singular-values", "lyapunov"},
    "landscape": {"landscape", "slopes-drawn", "slopes"},
}
PLANE = ["--steps", 5, "--optimizer", "momentum", "--along", "learning_rate=1e-3:0.01:3",
         "--along", "momentum=0:0.9:4"]


class Page(html.parser.HTMLParser):
    """What a page holds: its tags, its attributes, its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data):
        self.text += data


def untimed(result):
    for e in result.get("estimators", []):
        del e["seconds_per_estimate"], e["peak_bytes"]
    return result


class Gradients(Case):
    def study(self, verb, *words, **options):
        done = self.run_program("gradients", verb, *words, "--json", "-", "--quiet", **options)
        return json.loads(done.out, parse_constant=self.fail)["result"]


class Results(Gradients):
    def test_compare_tells_the_biased_from_the_unbiased(self):
        result = self.study("compare", "--optimizee", "bowl", "--optimizer",
                            "sgd:learning_rate=0.1", "--steps", 20, "--sigma", 1e-3, "--samples",
                            50, "--estimators", "exact,exact-hvp,forward,first,truncated:5,es:8,pes:8:5")
        self.assertAlmostEqual(result["reference"][0], -24.6644452603, places=9)
        self.assertAlmostEqual(result["loss"], 1.77754147058, places=10)
        self.assertEqual(result["with_respect_to"], ["learning_rate"])
        self.assertEqual(result["phi"], [0.1])
        found = {e["name"]: e for e in result["estimators"]}
        self.assertEqual(list(found), ["exact", "exact-hvp", "forward", "first", "truncated:5",
                                       "es:8", "pes:8:5"])
        for name in ("exact", "exact-hvp", "forward"):
            e = found[name]
            self.assertAlmostEqual(e["cosine"], 1, places=12)
            self.assertLess(abs(e["relative_bias"]), 1e-12)
            self.assertEqual((e["samples"], e["variance"]), (1, 0))
        self.assertAlmostEqual(found["first"]["gradient"][0], -43.5268333847, places=9)
        self.assertAlmostEqual(found["truncated:5"]["gradient"][0], -19.3425533009, places=9)
        for name in ("es:8", "pes:8:5"):
            e = found[name]
            self.assertEqual(e["samples"], 50)
            self.assertGreater(e["relative_bias_ci95"], 0)
            self.assertLess(abs(e["relative_bias"]), 2 * e["relative_bias_ci95"] + 1e-3)
            self.assertGreater(e["variance"], 0)
        for e in found.values():
            self.assertGreater(e["seconds_per_estimate"], 0)
            self.assertGreater(e["peak_bytes"], 0)
        self.assertLess(found["exact-hvp"]["peak_bytes"], found["exact"]["peak_bytes"])

    def test_compare_by_sigma(self):
        sigmas = [0.003, 0.01, 0.03]
        result = self.study("compare", "--optimizee", "bowl", "--optimizer",
                            "sgd:learning_rate=0.1", "--steps", 2, "--samples", 30, "--sigma",
                            "0.003,0.01,0.03", "--estimators", "first,es:64,pes:64:1", "--out", "c")
        self.assertEqual(result["sigma"], sigmas)
        rows = result["estimators"]
        self.assertEqual([(e["name"], e["sigma"]) for e in rows],
                         [("first", None)] + [(n, s) for n in ("es:64", "pes:64:1") for s in sigmas])
        # f(x1) + f(x2), f = x² from 1 at u = 1 - 2 rate = 0.8: the smoothed losses' own gradients
        u, true = 0.8, -7.296
        for e in rows[1:]:
            s2 = e["sigma"] ** 2
            known = (-4 * u - 8 * u ** 3 - 96 * u * s2 if e["name"] == "es:64" else
                     -4 * u - 8 * u * (u * u + 4 * s2))
            bias = known / true - 1
            self.assertLess(abs(e["relative_bias"] - bias), 2.5 * e["relative_bias_ci95"])
        table = list(csv.DictReader((self.folder / "c" / "table.csv").open()))
        self.assertEqual([r["sigma"] for r in table], [""] + [str(s) for s in sigmas] * 2)
        for figure in ("bias", "variance", "error"):
            drawn = list(csv.DictReader(
                (self.folder / "c" / "figures" / f"{figure}-by-sigma.csv").open()))
            self.assertEqual([(r["series"], float(r["x"])) for r in drawn],
                             [(n, s) for n in ("es:64", "pes:64:1") for s in sigmas])
        row = drawn[4]
        self.assertAlmostEqual(float(row["y"]), rows[5]["mean_squared_error"] / true ** 2)
        alone = self.study("compare", "--optimizee", "bowl", "--optimizer",
                           "sgd:learning_rate=0.1", "--steps", 2, "--samples", 30, "--sigma", 0.01,
                           "--estimators", "pes:64:1")
        self.assertEqual(untimed(alone)["estimators"][0], untimed(result)["estimators"][5])

    def test_compare_by_length_window_and_pairs(self):
        result = self.study("compare", "--optimizee", "bowl", "--optimizer",
                            "sgd:learning_rate=0.1", "--lengths", "1,5,10", "--steps", 20,
                            "--samples", 4, "--estimators",
                            "exact,first,truncated:5,truncated:10,es:2,es:4", "--out", "c")
        self.assertEqual([r["steps"] for r in result["runs"]], [1, 5, 10, 20])
        for run, known in zip(result["runs"], (3.2, 17.26795776, 23.381866933, 24.6644452603)):
            self.assertAlmostEqual(run["reference_length"], known, places=8)
        self.assertAlmostEqual(result["reference"][0], -24.6644452603, places=9)
        found = {(e["steps"], e["name"]): e for e in result["estimators"]}
        self.assertEqual({n for t, n in found if t == 5},
                         {"exact", "first", "truncated:5", "es:2", "es:4"})
        self.assertEqual(len(found), 4 + 5 + 6 + 6)
        for steps, known in ((5, -22.047793152), (10, -36.2644374985), (20, -43.5268333847)):
            self.assertAlmostEqual(found[steps, "first"]["gradient"][0], known, places=8)
        series = {}
        for by in ("steps", "window", "pairs"):
            path = self.folder / "c" / "figures" / f"bias-by-{by}.csv"
            series[by] = [(r["series"], float(r["x"])) for r in csv.DictReader(path.open())]
        self.assertEqual([x for n, x in series["steps"] if n == "truncated:5"], [5, 10, 20])
        self.assertEqual(series["window"], [("truncated:K", 5), ("truncated:K", 10)])
        self.assertEqual(series["pairs"], [("es:N", 2), ("es:N", 4)])

    def test_systems_with_a_name(self):
        chain = ["--system", "influence-balancing:start=rest"]
        result = self.study("horizon", *chain, "--steps", 100, "--lengths", "1,20,40,50", "--out",
                            "h")
        self.assertEqual(result["system"], chain[1])
        self.assertEqual(result["with_respect_to"], ["theta"])
        for p, slope in zip(result["runs"], (-4, -65.90423584, -2.2621521578, 19.010682376)):
            self.assertAlmostEqual(p["norm"], abs(slope), places=7)
            self.assertEqual(p["cosine"], math.copysign(1, slope))
        self.assertEqual(untimed(self.study("horizon", "--config", "h/config.toml")), result)
        result = self.study("compare", "--system", "influence-balancing", "--steps", 100,
                            "--samples", 1, "--estimators", "exact,forward,truncated:1")
        self.assertAlmostEqual(result["reference"][0], 3571.6306256, places=6)
        self.assertLess(result["estimators"][2]["cosine"], 0)
        result = self.study("landscape", "--system", "pes-2d", "--steps", 100, "--along",
                            f"log_first_rate={math.log(0.01)}:{math.log(0.1)}:2", "--along",
                            f"log_last_rate={math.log(0.01)}:{math.log(0.1)}:2")
        for i, loss, slope in ((0, 2490.5567522, (-2.7871083974, -1.1365639552)),
                               (3, 2454.6474915, (-24.604834159, -9.8885799911))):
            self.assertAlmostEqual(result["loss"][i], loss, places=6)
            for found, known in zip(result["slopes"][0]["slope"][i], slope):
                self.assertAlmostEqual(found, known, places=7)
        result = self.study("spectrum", "--system", "influence-balancing:n=5,positive=2", "--steps",
                            8, "--count", 5)
        self.assertAlmostEqual(sum(result["lyapunov"]), 5 * math.log(0.5), places=9)

    def test_profile(self):
        result = self.study("compare", "--steps", 3, "--estimators", "exact,forward", "--profile")
        ops = {o["op"]: o for o in result["profile"]}
        self.assertGreater(ops["sub"]["calls"] + ops["mul"]["calls"], 0)
        self.assertGreater(sum(o["pullback_s"] for o in ops.values()), 0)

    def test_what_the_gradient_is_taken_by(self):
        def names(*words):
            result = self.study("compare", "--steps", 3, "--estimators", "exact", *words)
            return result["with_respect_to"], len(result["phi"])
        self.assertEqual(names("--optimizer", "adam"), (["learning_rate"], 1))
        self.assertEqual(names("--optimizer", "adam", "--with-respect-to",
                               "log_learning_rate,beta1"), (["log_learning_rate", "beta1"], 2))
        self.assertEqual(names("--with-respect-to", "learning_rate/step"), (["learning_rate"], 3))
        self.assertEqual(names("--optimizer", "momentum", "--with-respect-to", "all"),
                         (["learning_rate", "momentum"], 2))
        weights, shown = names("--optimizer", "lstm:hidden=2,layers=1")
        self.assertGreater(len(weights), 3)
        self.assertEqual(shown, 16)

    def test_a_memory_budget_is_kept(self):
        words = ["--steps", 60, "--optimizer", "adam", "--estimators", "exact,checkpointed"]
        whole = self.study("compare", *words)
        most, names = whole["estimators"][0]["peak_bytes"], set()
        for share in (1.2, 0.5, 0.15, 0.05):
            result = self.study("compare", *words, "--memory-budget", int(share * most))
            e = result["estimators"][0]
            self.assertLessEqual(e["peak_bytes"], share * most)
            names.add(e["name"])
            self.assertAlmostEqual(e["gradient"][0] / whole["reference"][0], 1, places=12)
            self.assertAlmostEqual(result["reference"][0] / whole["reference"][0], 1, places=12)
        self.assertEqual(len(names), 4)
        self.assertIn("exact", names)
        self.refused("gradients", "compare", *words, "--memory-budget", 1000, "--out", "r",
                     says="--memory-budget: 1000 bytes: 60 steps need ")
        self.assertFalse((self.folder / "r").exists())

    def test_a_trained_optimizer(self):
        self.run_program("optimizer", "train", "--optimizee", "bowl", "--functions", 2, "--unroll",
                         5, "--steps", 10, "--hidden", 2, "--layers", 1, "--meta-steps", 5, "--out",
                         "r")
        result = self.study("compare", "--run", "r", "--optimizee", "bowl", "--steps", 4,
                            "--estimators", "exact,forward", "--out", "study")
        self.assertIn("lstm", result["optimizer"])
        self.assertAlmostEqual(result["estimators"][1]["cosine"], 1, places=10)
        (self.folder / "elsewhere").mkdir()
        again = self.study("compare", "--config", "../study/config.toml", "--out", "again",
                           cwd=self.folder / "elsewhere")
        self.assertEqual(untimed(again), untimed(result))

    def test_spectrum_of_a_matrix_that_is_known(self):
        result = self.study("spectrum", "--optimizee", "bowl", "--optimizer",
                            "momentum:learning_rate=0.05,momentum=0.9", "--steps", 10, "--count", 2)
        # (x, v)' = [[1 - 2 lr, -lr mu], [2, mu]] (x, v), of which the determinant is mu
        big, small = result["singular_values"]
        self.assertAlmostEqual(big * small, 0.9 ** 10, places=10)
        self.assertAlmostEqual(sum(result["lyapunov"]), math.log(0.9), places=10)
        self.assertTrue(result["converged"])

    def test_horizon_of_a_bowl(self):
        result = self.study("horizon", "--optimizee", "bowl", "--optimizer",
                            "sgd:learning_rate=0.1", "--steps", 20, "--lengths", "1,5,10")
        self.assertEqual([p["steps"] for p in result["runs"]], [1, 5, 10, 20])
        norms = [p["norm"] for p in result["runs"]]
        for norm, known in zip(norms, (3.2, 17.26795776, 23.381866933, 24.6644452603)):
            self.assertAlmostEqual(norm, known, places=8)
        windows = [p["norm"] for p in result["windows"]]
        for norm, known in zip(windows, (8.88770735289, 19.3425533009, 23.6514415051)):
            self.assertAlmostEqual(norm, known, places=8)
        self.assertAlmostEqual(result["windows"][0]["relative_bias"],
                               8.88770735289 / 24.6644452603 - 1, places=9)

    def test_a_landscape_of_a_bowl(self):
        result = self.study("landscape", "--optimizee", "bowl", "--steps", 2, "--along",
                            "learning_rate=0.1:0.5:5", "--estimators", "exact,first", "--out", "l")
        rates = result["axes"][0]["values"]
        for rate, loss, slope in zip(rates, result["loss"], result["slopes"][0]["slope"]):
            u = 1 - 2 * rate
            self.assertAlmostEqual(loss, u ** 2 + u ** 4, places=12)
            self.assertAlmostEqual(slope, -4 * u - 8 * u ** 3, places=12)
        self.assertEqual(result["lowest"]["at"], [0.5])
        rows = list(csv.DictReader((self.folder / "l" / "table.csv").open()))
        self.assertEqual([float(r["loss"]) for r in rows], result["loss"])
        self.assertEqual(list(rows[0]), ["learning_rate", "loss", "slope exact", "slope first"])

    def test_a_plane(self):
        result = self.study("landscape", *PLANE, "--out", "plane")
        self.assertEqual([a["name"] for a in result["axes"]], ["learning_rate", "momentum"])
        self.assertEqual(len(result["loss"]), 12)
        self.assertEqual([s["name"] for s in result["slopes"]], ["exact"])
        rows = list(csv.DictReader((self.folder / "plane" / "table.csv").open()))
        self.assertEqual([r["momentum"] for r in rows[:4]], ["0.0"] * 3 + ["0.3"])
        self.assertEqual([float(r["slope exact along momentum"]) for r in rows],
                         [s[1] for s in result["slopes"][0]["slope"]])

    def test_gradients_over_a_plane_are_differences_of_the_landscape(self):
        words = ["--steps", 5, "--optimizer", "momentum:learning_rate=0.01,momentum=0.5",
                 "--along", "learning_rate=0.00999:0.01001:3", "--along", "momentum=0.499:0.501:5",
                 "--estimators", "exact,first"]
        result = self.study("landscape", *words, "--arrows", 1, "--out", "l")
        exact, first = result["slopes"]
        self.assertEqual((exact["name"], first["name"]), ("exact", "first"))
        loss, (rates, momenta) = result["loss"], (a["values"] for a in result["axes"])
        self.assertEqual(exact["at"], [[rates[1], momenta[2]]])
        along = (loss[8] - loss[6]) / (rates[2] - rates[0])
        across = (loss[10] - loss[4]) / (momenta[3] - momenta[1])
        for slope, difference in zip(exact["slope"][0], (along, across)):
            self.assertAlmostEqual(slope / difference, 1, places=5)
        self.assertNotAlmostEqual(first["slope"][0][0] / along, 1, places=2)
        self.assertEqual(exact["sign_agreement"], 1)
        rows = list(csv.DictReader((self.folder / "l" / "table.csv").open()))
        names = [f"slope {e} along {a}" for e in ("exact", "first")
                 for a in ("learning_rate", "momentum")]
        self.assertEqual(list(rows[0]), ["learning_rate", "momentum", "loss", *names])
        self.assertEqual([float(rows[7][n]) for n in names],
                         exact["slope"][0] + first["slope"][0])
        self.assertEqual({rows[i][n] for n in names for i in range(15) if i != 7}, {""})
        everywhere = self.study("landscape", *words)
        self.assertEqual(len(everywhere["slopes"][0]["at"]), 15)
        self.assertEqual(everywhere["slopes"][0]["slope"][7], exact["slope"][0])
        none = self.study("landscape", *words[:-1], "")
        self.assertEqual(none["slopes"], [])

    def test_what_diverges_is_null(self):
        wild = ["--optimizer", "sgd:learning_rate=1e6", "--steps", 100]
        result = self.study("horizon", *wild, "--out", "h")
        last = result["runs"][-1]
        self.assertEqual((last["loss"], last["norm"], last["cosine"]), (None, None, None))
        self.assertGreater(last["diverged"], 1)
        self.assertGreater(result["runs"][0]["norm"], 0)
        result = self.study("landscape", "--steps", 100, "--along", "learning_rate=0.01:1e6:2",
                            "--out", "l")
        self.assertEqual((result["loss"][1], result["diverged"]), (None, 1))
        for verb in ("compare", "spectrum"):
            self.refused("gradients", verb, *wild, "--out", verb, code=1, says="diverges at step ")


class Folders(Gradients):
    def test_equal_on_any_number_of_threads_and_for_its_config(self):
        def study(verb, *words):  # nothing drawn, which would take most of the time
            return untimed(self.study(verb, *words, env=support.environment(PATH="/nowhere")))
        for verb, words in SMALL.items():
            one = study(verb, *words, "--threads", 1, "--out", verb)
            self.assertEqual(study(verb, *words, "--threads", 3), one, verb)
            self.assertEqual(study(verb, "--config", f"{verb}/config.toml"), one, verb)
            self.assertEqual(study(verb, "--resume", verb), one, verb)
            self.assertNotEqual(study(verb, *words, "--seed", 2), one, verb)
        made = [p.name for p in (self.folder / "runs").iterdir()]
        self.assertEqual(len(made), 3 * len(SMALL))
        for name in made:
            self.assertRegex(name, r"\Agradients-(compare|horizon|spectrum|landscape)-\d{8}T\d{6}Z")

    def test_what_a_study_leaves(self):
        for verb, words in SMALL.items():
            done = self.run_program("gradients", verb, *words, "--out", verb)
            run = self.folder / verb
            self.assertEqual({p.name for p in run.iterdir()} - {".lock"},
                             {"config.toml", "figures", "report.html", "summary.json", "table.csv"})
            figures = {p.name for p in (run / "figures").iterdir()}
            self.assertEqual({n for n in figures if n.endswith(".csv")},
                             {f + ".csv" for f in FIGURES[verb]})
            self.assertGreater(len(list(csv.DictReader((run / "table.csv").open()))), 2)
            self.assertIn("report: ", done.err)
            self.assertGreater(len(done.out.splitlines()), 3)

    def page(self, folder):
        return (self.folder / folder / "report.html").read_text(encoding="utf-8")

    def check_page(self, text, figures):
        page = Page(text)
        self.assertNotIn("script", page.tags)
        for banned in ("iframe", "object", "embed", "img", "foreignobject"):
            self.assertNotIn(banned, page.tags)
        self.assertFalse([a for a in page.attributes if a[1].startswith("on")])
        for tag, name, value in page.attributes:
            if name in ("href", "xlink:href", "src"):
                self.assertRegex(value, r"\A(#|data:,|data:image/png;base64,)", (tag, name))
        self.assertNotRegex(text, r"https?:|url\([^#]|@import")
        self.assertIn(("meta", "name", "viewport"), page.attributes)
        self.assertEqual(page.tags.count("svg"), len(figures))
        self.assertEqual(page.tags.count("figcaption"), len(figures))
        ids = [value for _, name, value in page.attributes if name == "id"]
        self.assertEqual(len(ids), len(set(ids)))
        targets = re.findall(r"href=['\"]#([^'\"]*)", text) + re.findall(r"url\(#([^)]*)\)", text)
        self.assertEqual(set(targets) - set(ids), set())
        self.assertEqual(page.tags.count("html"), 1)
        return page

    def test_a_page_holds_all_it_shows_and_nothing_else(self):
        for verb, words in SMALL.items():
            self.run_program("gradients", verb, *words, "--out", verb)
            if not list((self.folder / verb / "figures").glob("*.svg")):
                self.skipTest("gnuplot is not installed")
            page = self.check_page(self.page(verb), FIGURES[verb])
            self.assertIn("table", page.tags)
        self.run_program("gradients", "landscape", *PLANE, "--smooth", "0.001", "--out", "plane")
        page = self.check_page(self.page("plane"), {"landscape", "smoothed-1"})
        self.assertIn("An arrow is the steepest way down", page.text)
        self.run_program("gradients", "landscape", *PLANE, "--estimators", "exact,first,es:2",
                         "--out", "arrows")
        self.check_page(self.page("arrows"), {"landscape", "landscape-2"})

    def test_without_gnuplot_the_page_says_where_the_numbers_are(self):
        self.run_program("gradients", "spectrum", *SMALL["spectrum"], "--out", "s",
                         env=support.environment(PATH="/nowhere"))
        text = self.page("s")
        self.assertIn("the numbers are in figures/growth.csv", text)
        self.assertNotIn("<svg", text)

    def test_a_users_text_stays_text(self):
        groups = "<script>alert('1')</script>&"
        self.run_program("gradients", "compare", "--optimizer",
                         f"lstm:hidden=2,layers=1,groups={groups}", "--steps", 2, "--estimators",
                         "exact", "--out", "c")
        text = self.page("c")
        self.assertNotIn("<script", text)
        self.assertIn(groups, Page(text).text)

    def test_ctrl_c_leaves_what_is_done(self):
        process = self.start("gradients", "compare", "--steps", 20, "--samples", 10 ** 8,
                             "--estimators", "es:8", "--out", "c")
        self.wait_for((self.folder / "c" / "figures").exists, process)
        process.send_signal(signal.SIGINT)
        done = self.finish(process)
        self.assertEqual(done.code, 130, done)
        self.assertIn("interrupted; saved in c", done.err)
        summary = json.loads((self.folder / "c" / "summary.json").read_text())
        self.assertTrue(summary["interrupted"])
        self.assertGreater(summary["result"]["estimators"][0]["samples"], 0)
        self.assertIn("Interrupted", self.page("c"))


class BadInput(Gradients):
    def test_options(self):
        for verb, words, says in (
                ("compare", ["--steps", 0], "--steps: 0 is out of range"),
                ("compare", ["--sigma", 0], "--sigma: '0': a number above 0 is expected"),
                ("compare", ["--sigma", "0.1,x"], "--sigma: 'x': a number above 0 is expected"),
                ("compare", ["--sigma", "0.1,-1"], "--sigma: '-1': a number above 0"),
                ("compare", ["--sigma", "0.1,inf"], "--sigma: 'inf': a number above 0"),
                ("compare", ["--sigma", "0.1,0.2,0.1"], "--sigma: 0.1 is named twice"),
                ("compare", ["--lengths", "5,3"], "3 after 5: they must ascend"),
                ("compare", ["--lengths", "51"], "longer than the run of 50 steps"),
                ("compare", ["--lengths", "0"], "'0' is no number of steps"),
                ("compare", ["--system", "influence"], "--system: unknown system 'influence'"),
                ("compare", ["--system", "pes-2d", "--optimizee", "bowl"],
                 "leave out --optimizee"),
                ("compare", ["--system", "pes-2d", "--with-respect-to", "learning_rate"],
                 "leave out --with-respect-to"),
                ("compare", ["--system", "pes-2d", "--dtype", "f32"], "--dtype f64 is expected"),
                ("spectrum", ["--system", "pes-2d:x=1"], "unknown key 'x'"),
                ("landscape", ["--system", "pes-2d", "--along", "theta=0:1:3"],
                 "--along theta: phi has no such number"),
                ("compare", ["--samples", 0], "--samples: 0 is out of range"),
                ("compare", ["--window", 0], "--window: 0 is out of range"),
                ("compare", ["--estimators", "trunkated:3"], "did you mean 'truncated'?"),
                ("compare", ["--estimators", "truncated:0"], "truncated:0"),
                ("compare", ["--estimators", "es"], "1 number after 'es' expected"),
                ("compare", ["--estimators", ""], "compare needs --estimators"),
                ("compare", ["--steps", 10, "--estimators", "truncated:11"],
                 "truncated:11: a window of 11 steps, and the run has 10"),
                ("compare", ["--steps", 10, "--estimators", "pes:2", "--window", 11],
                 "pes:2: a window of 11 steps, and the run has 10"),
                ("compare", ["--optimizer", "sgdd"], "did you mean 'sgd'?"),
                ("compare", ["--optimizee", "quadratics"], "did you mean 'quadratic'?"),
                ("compare", ["--with-respect-to", "momentum"], "has a number 'momentum'"),
                ("compare", ["--with-respect-to", "lerning_rate"], "did you mean 'learning_rate'?"),
                ("compare", ["--with-respect-to", "learning_rate,log_learning_rate"],
                 "learning_rate is named twice"),
                ("compare", ["--with-respect-to", "all,learning_rate"], "stands beside 'all'"),
                ("compare", ["--with-respect-to", "learning_rate/week"], "/tensor or /step"),
                ("compare", ["--optimizer", "sgd:learning_rate=0", "--with-respect-to",
                             "log_learning_rate"], "0 has no logarithm"),
                ("compare", ["--objective", "last"], "one of sum, final"),
                ("compare", ["--dtype", "f16"], "f16"),
                ("compare", ["--run", "r", "--optimizer", "adam"], "leave out --optimizer"),
                ("spectrum", ["--count", 0], "--count: 0 is out of range"),
                ("spectrum", ["--with-respect-to", "learning_rate"], "unknown option"),
                ("horizon", ["--lengths", "5,3"], "3 after 5: they must ascend"),
                ("horizon", ["--lengths", "2000"], "longer than the run"),
                ("horizon", ["--lengths", "x"], "'x' is no number of steps"),
                ("landscape", [], "landscape needs --along"),
                ("landscape", ["--along", "learning_rate"], "NAME=FROM:TO[:log]:COUNT is expected"),
                ("landscape", ["--along", "lerning_rate=0:1:3"],
                 "--along: neither sgd nor what it minimises"),
                ("landscape", ["--along", "learning_rate=0:1:log:3"], "both ends above 0"),
                ("landscape", ["--along", "learning_rate=0:1:1"], "a whole number from 2"),
                ("landscape", ["--along", "learning_rate=0:1:3"] * 2, "named twice"),
                ("landscape", ["--along", "random=0:1:3"] * 3, "one line or two, not 3"),
                ("landscape", ["--along", "random=0:1:3", "--smooth", "0"], "above 0 is expected"),
                ("landscape", [*PLANE, "--arrows", 0], "--arrows: 0 is out of range")):
            self.refused("gradients", verb, *words, "--out", "r", says=says)
            self.assertFalse((self.folder / "r").exists(), words)
        self.refused("gradients", "compare", "--run", "nowhere", code=1, says="nowhere")


if __name__ == "__main__":
    support.main()
