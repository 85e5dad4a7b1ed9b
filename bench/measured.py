#!/usr/bin/env python3
"""Measures what docs/performance.md shows and writes it there: the block between its two marks, and
the figures in docs/figures.

    python3 bench/measured.py BUILD [--threads N] [--peer PROGRAM] [--quick]

BUILD is a build folder with bench/metatape-bench and cli/metatape. With --peer the ratios to it are
measured too. Trainings read Omniglot and MNIST from METATAPE_DATA; where it is not set, those that
need none are measured.
--quick takes one step of each and leaves the largest out: to see that it works, not to be quoted.
To be run on a machine that does nothing else; some minutes, with a peer half an hour.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "performance.md"
FIGURES = ROOT / "docs" / "figures"
BEGIN = "<!-- measured: begin -->"
END = "<!-- measured: end -->"

RATES = [("multiply-add, float32, GFLOP/s", "multiply_add_f32_gflop_per_s", 0),
         ("multiply-add, float64, GFLOP/s", "multiply_add_f64_gflop_per_s", 0),
         ("BLAS product, float32, GFLOP/s", "blas_gflop_per_s", 0),
         ("sigmoid and tanh in a cell, 10⁹/s", "cell_g_per_s", 2),
         ("exp, 10⁹/s", "exp_g_per_s", 2),
         ("tanh, 10⁹/s", "tanh_g_per_s", 2),
         ("triad in L2, GB/s", "l2_gb_per_s", 0),
         ("triad in L3, GB/s", "l3_gb_per_s", 0),
         ("triad in memory, GB/s", "memory_gb_per_s", 0)]
AXES = [("parameters", "Parameters of the MLP that is minimised"),
        ("hidden", "Hidden units of the optimizer's layers"),
        ("unroll", "Length of the window"),
        ("way", "Classes of a prototypical episode"),
        ("shot", "Shots of a prototypical episode"),
        ("threads", "Threads")]
PROFILED = ["W1", "W4a5", "W4c1", "W6"]


def number(x, digits=3):
    """So many digits that count, and no exponent: 3141.6 -> 3,142."""
    if x == 0:
        return "0"
    text = f"{x:.{digits}g}"
    return f"{float(text):,.0f}" if abs(x) >= 10 ** (digits - 1) else f"{float(text):g}"


def table(heads, rows):
    lines = [" | ".join(row) for row in [heads, ["---"] * len(heads), *rows]]
    return "\n".join(f"| {line} |" for line in lines) + "\n"


def told(bench, *words, simd=None):
    """The objects that the program prints, a line each."""
    environment = {**os.environ, **({"METATAPE_SIMD": simd} if simd else {})}
    done = subprocess.run([bench, *map(str, words), "--json"], stdout=subprocess.PIPE, text=True,
                          check=True, env=environment)
    return [json.loads(line) for line in done.stdout.splitlines()]


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "an unnamed processor"


def floors_text(bench, options, scratch):
    counts = [1, options.threads] if options.threads > 1 else [1]
    machine, found = None, {}
    for threads in counts:
        out = ["--out", scratch] if threads == counts[-1] else []
        machine, *found[threads] = told(bench, "--floors", "--threads", threads, *options.few, *out)
    rates = {r["threads"]: r for r in machine["rates"]}
    heads = ["", *(f"{n} thread{'s' if n > 1 else ''}" for n in counts)]
    text = (f"{processor()}, {machine['simd']}, {machine['blas']}.\n\n"
            "What the machine can do:\n\n")
    text += table(heads, [[name, *(f"{rates[n][key]:.{digits}f}" for n in counts)]
                          for name, key, digits in RATES])
    text += ("\nA step of each workload, its floor, and what part of the time the floor is. "
             "`products`, `functions` and `memory` are the floor's terms (ms); MiB are taken above the "
             "inputs:\n")
    for n in counts:
        text += f"\n{heads[counts.index(n) + 1]}:\n\n" + table(
            ["workload", "ms", "floor", "floor / time", "products", "functions", "memory", "in",
             "GFLOP/s", "MiB"],
            [[w["workload"], number(w["ms"], 4), number(w["floor_ms"]),
              f"{number(100 * w['share_of_floor'], 2)} %", number(w["products_ms"]),
              number(w["functions_ms"]), number(w["memory_ms"]), w["level"],
              number(w["gflop_per_s"]), number(w["taken_mib"])] for w in found[n]])
    return text


def profile_text(bench, options):
    rows = []
    for workload in PROFILED:
        ops = told(bench, "--workload", workload, "--profile", *options.few)[1]["profile"]
        total = sum(op["forward_s"] + op["pullback_s"] for op in ops)
        ops.sort(key=lambda op: -(op["forward_s"] + op["pullback_s"]))
        rows.append([workload, ", ".join(
            f"`{op['op']}` {100 * (op['forward_s'] + op['pullback_s']) / total:.0f} %"
            f" ({100 * op['pullback_s'] / total:.0f} back)" for op in ops[:3])])
    return ("\nWhere the time of a step goes, by op; in brackets what its pullback has of it:\n\n" +
            table(["workload", "its three longest"], rows))


def scale_text(bench, options, scratch):
    text = ""
    for axis, title in AXES:
        most = ["--most", 400000] if options.quick and axis == "parameters" else \
               ["--most", 200] if options.quick and axis == "unroll" else []
        threads = [] if axis == "threads" else ["--threads", 1]
        points = told(bench, "--scale", axis, "--out", scratch, *threads, *most, *options.few)
        by_formula = any(p["kept_mib"] for p in points)
        by_threads = axis == "threads"
        heads = [axis, *(["workload"] if by_threads else []), "ms", points[0]["each_is"], "GFLOP/s",
                 "MiB", *(["gradients and states"] if by_formula else [])]
        text += f"\n**{title}.**\n\n" + table(heads, [
            [f"{p['value']:,}", *([p["workload"]] if by_threads else []), number(p["ms"], 4),
             number(p["each"]), number(p["gflop_per_s"]), number(p["mib"]),
             *([number(p["kept_mib"])] if by_formula else [])] for p in points])
        kinds = ["time"] if by_threads else ["time", "memory"]
        text += "\n" + " ".join(
            f"![{title}: {kind}](figures/scale-{axis}-{kind}.svg)" for kind in kinds) + "\n"
    return text


def peer_text(bench, options):
    if not options.peer:
        return ""
    counts = [1, options.threads] if options.threads > 1 else [1]

    def beside(workloads, heads_of, simd=None):
        found = {n: told(bench, "--workload", workloads, "--threads", n, "--peer", options.peer,
                         "--repeat", 1 if options.quick else 8, simd=simd) for n in heads_of}
        heads = ["workload"]
        for n in heads_of:
            of = f"{n} thread{'s' if n > 1 else ''}"
            heads += [f"{of}: ms", "peer, ms", "ratio", "BLAS as it comes"]
        return table(heads, [[one["workload"], *(cell for n in heads_of for cell in (
            number(found[n][i]["ms"], 4), number(found[n][i]["peer_ms"], 4),
            number(found[n][i]["ratio"]), number(found[n][i]["ratio_blas_as_it_comes"])))]
            for i, one in enumerate(found[heads_of[0]])])

    text = ("\nBeside libtorch, medians over three processes of each, in its best setting; in the "
            "last column of each in the best with OpenBLAS as it comes:\n\n" +
            beside("all", counts))
    text += ("\nThe same with our kernels held to AVX2 (`METATAPE_SIMD=avx2`), libtorch free to "
             "use what it finds:\n\n" + beside("W1,W2,W4a5,W4a20", [1], simd="avx2"))
    return text


# FLOP of an image in training, counted as bench/README.md counts them: convolutions by taps, the
# first without the gradient of its input.
FIRST, EACH = 2 * 2 * 9 * 784 * 64, 3 * 2 * 9 * 64 * 64
GFLOP_OF_IMAGE = {"paper": 1e-9 * (FIRST + EACH * (196 + 49 + 9)),       # conv4
                  "measured": 1e-9 * (FIRST + EACH * (196 + 3 * 49))}    # conv5-map


def seconds_a_step(program, words):
    """Of a training without validation, between its line of step 10 and its last."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([program, *map(str, words), "--out", f"{folder}/run", "--json", "-",
                               "--quiet", "--threads", "1"], stdout=subprocess.PIPE, text=True,
                              check=True)
        lines = [json.loads(line) for line in
                 (pathlib.Path(folder) / "run" / "metrics.jsonl").read_text("utf-8").splitlines()]
    lines = [line for line in lines if "gradient_norm" in line]
    spent = lines[-1]["wall_s"] - lines[0]["wall_s"]
    return spent / (lines[-1]["step"] - lines[0]["step"]), json.loads(done.stdout)["result"]


def training_text(bench, options):
    """Trainings by the program, each in turn with the workload that it consists of."""
    program = (options.build / "cli" / "metatape").resolve()
    rounds, length = (1, 2) if options.quick else (3, 10)
    real = "METATAPE_DATA" in os.environ
    data = ["--data", "omniglot"] if real else []
    rows = []

    def compare(name, workload, words, work):
        shares, times, peers = [], [], []
        for _ in range(rounds):
            seconds, result = seconds_a_step(program, words)
            one = told(bench, "--workload", workload, *options.few)[0]
            times.append(1e3 * seconds)
            peers.append(one["ms"])
            # Work a second of the training over work a second of the workload.
            shares.append(work(result) / seconds / (one["gflop"] / one["ms"] * 1e3))
        middle = [sorted(x)[len(x) // 2] for x in (times, peers, shares)]
        rows.append([name, number(middle[0], 4), f"{workload}: {number(middle[1], 4)}",
                     f"{100 * middle[2]:.0f} %"])

    for recipe in ("measured", "paper"):
        compare(f"`fewshot train --learner prototypical --recipe {recipe}`", "W4a20",
                ["fewshot", "train", "--learner", "prototypical", "--recipe", recipe, *data,
                 "--validation-alphabets", 0, "--episodes", 10 + 8 * length],
                lambda result, r=recipe: GFLOP_OF_IMAGE[r] * result["images_per_episode"])
    never = ["--validate-every", 10**9, "--validation-instances", 1]
    gflop = {w: told(bench, "--workload", w, "--repeat", 1)[0]["gflop"] for w in ("W1", "W2")}
    if real:
        compare("`optimizer train --optimizee mlp:data=mnist`", "W1",
                ["optimizer", "train", "--optimizee", "mlp:data=mnist", "--meta-steps",
                 10 + 5 * length, *never],
                lambda result: gflop["W1"])
    compare("`optimizer train --optimizee quadratic --order first`", "W2",
            ["optimizer", "train", "--optimizee", "quadratic", "--order", "first", "--meta-steps",
             10 + 40 * length, *never],
            lambda result: gflop["W2"])
    on = "Omniglot" if real else "strokes"
    return (f"\nWhole trainings by the program (few-shot on {on}), a step of each beside the "
            "workload that it is made of (in turn, medians; one thread). The share is of FLOP a "
            "second: what drawing data, augmenting images, the outer optimizer and writing down "
            "leave of the workload's rate:\n\n" + table(["training", "ms a step", "workload, ms", "share of its rate"], rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peer", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    options.few = ["--repeat", 1] if options.quick else []
    bench = (options.build / "bench" / "metatape-bench").resolve()
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    with tempfile.TemporaryDirectory() as scratch:
        text = floors_text(bench, options, scratch)
        text += profile_text(bench, options) + peer_text(bench, options)
        text += training_text(bench, options)
        text += scale_text(bench, options, scratch)
        if options.quick:
            text = "**Not to be quoted: one step of each, the largest left out.**\n\n" + text
        for figure in pathlib.Path(scratch).glob("*.svg"):
            shutil.copy(figure, FIGURES / figure.name)
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
