#!/usr/bin/env python3
"""What a user types wrong, and where words go: help, versions, messages, streams, exit codes."""
import json
import os
import subprocess

import support
from support import DATA, EPISODES, SMALL, Case, environment

COMMANDS = ["fewshot train", "fewshot eval", "fewshot oneshot", "fewshot show", "fewshot classify",
            "fewshot ablate", "gradients check", "gradients compare", "gradients horizon",
            "gradients spectrum", "gradients landscape", "data show", "data check"]


class Help(Case):
    def test_help_goes_to_standard_output_with_an_example(self):
        for words in ([], ["fewshot"], ["gradients"], ["data"], *(c.split() for c in COMMANDS)):
            for flag in ("--help", "-h"):
                done = self.run_program(*words, flag)
                self.assertEqual(done.err, "", words)
                self.assertIn("Usage: metatape " + " ".join(words), done.out)
                self.assertIn("Example", done.out)
        everything = self.run_program("--help").out
        for command in COMMANDS:
            self.assertIn(f"  {command.split()[0]} {command.split()[1]} ", everything)

    def test_help_tells_of_options_and_their_defaults(self):
        text = self.run_program("fewshot", "train", "--help").out
        for option in ("--learner", "--way", "--shot", "--query", "--episodes", "--minutes",
                       "--train-way", "--recipe", "--rotations", "--augment", "--centre",
                       "--within-alphabet", "--train-within", "--statistics", "--network",
                       "--filters", "--learning-rate", "--scale", "--meta-batch", "--seed",
                       "--threads", "--out", "--force", "--resume", "--config", "--data", "--json",
                       "--quiet", "--verbose", "--color", "--profile", "--memory", "--save-every"):
            self.assertRegex(text, rf"(?m)^  {option}\b")
        self.assertRegex(text, r"--way N +classes of an episode \(2 to \d+; default 5\)")
        self.assertLessEqual(max(map(len, text.splitlines())), 100)

    def test_version(self):
        self.assertRegex(self.run_program("--version").out, r"\Ametatape \d+\.\d+\.\d+\n\Z")


class Wrong(Case):
    def test_the_nearest_name_is_said(self):
        train = ["fewshot", "train"]
        for words, says in [
            (["fewshoot", "train"], "unknown noun 'fewshoot'; did you mean 'fewshot'?"),
            (["fewshot", "trian"], "unknown fewshot verb 'trian'; did you mean 'train'?"),
            (["data", "chek"], "unknown data verb 'chek'; did you mean 'check'?"),
            ([*train, "--lerner", "matching"],
             "unknown option '--lerner'; did you mean '--learner'?"),
            ([*train, "--wya=5"], "unknown option '--wya'; did you mean '--way'?"),
            ([*train, "--learner", "protypical"],
             "unknown learner 'protypical'; did you mean 'prototypical'?"),
            ([*train, "--recipe", "papre"], "unknown recipe 'papre'; did you mean 'paper'?"),
            ([*train, "--network", "conv5"], "unknown network 'conv5'; did you mean 'conv"),
            ([*train, "--data", "stroks"], "unknown data 'stroks'; did you mean 'strokes'?"),
            ([*train, "--data", "strokes:alphabet=3"],
             "unknown key 'alphabet'; did you mean 'alphabets'?"),
            (["gradients", "check", "--op", "matmull"],
             "unknown op 'matmull'; did you mean 'matmul'?"),
            (["fewshot", "eval", "--learner", "nearest", "--split", "tets"],
             "unknown split 'tets'; did you mean 'test'?"),
        ]:
            self.refused(*words, says=says)

    def test_nothing_near_lists_what_there_is(self):
        self.refused("cook", "dinner", says="one of fewshot, optimizer, reproduce, gradients, data")
        self.refused("data", "zzzzzzzz", says="one of show, check")

    def test_values(self):
        train = ["fewshot", "train"]
        for words, says in [
            ([], "metatape --help"),
            (["fewshot"], "a verb is missing; one of train, eval"),
            (["--seed", "1", "fewshot", "train"], "unknown option '--seed' before the noun"),
            ([*train, "--way"], "--way: a value is missing (N)"),
            ([*train, "--learner", "--way", "5"], "--learner: a value is missing"),
            ([*train, "--shot", "0"], "--shot: 0 is out of range: 1 to"),
            ([*train, "--way", "1"], "--way: 1 is out of range: 2 to"),
            ([*train, "--way", "5x"], "--way: '5x' is not a whole number"),
            ([*train, "--way", "2.5"], "--way: '2.5' is not a whole number"),
            ([*train, "--way="], "--way: '' is not a whole number"),
            ([*train, "--threads", "0"], "--threads: 0 is out of range: 1 to"),
            ([*train, "--threads", "-1"], "--threads: -1 is out of range: 1 to"),
            ([*train, "--threads", "1000000000"], "--threads: 1000000000 is out of range: 1 to"),
            ([*train, "--threads", "10000000000"], "--threads: 10000000000 is out of range: 1 to"),
            ([*train, "--seed", "18446744073709551616"],
             "--seed: 18446744073709551616 does not fit 64 bits"),
            ([*train, "--seed", "-1"], "--seed: -1 is out of range: at least 0"),
            ([*train, "--learning-rate", "nan"], "nan is not a finite number"),
            ([*train, "--learning-rate", "0"], "--learning-rate: 0 is out of range: above 0"),
            ([*train, "--minutes", "-3"], "--minutes: -3 is out of range"),
            ([*train, "--train-within", "1.5"], "1.5 is out of range: 0 to 1"),
            ([*train, "five"], "'five' is one word too many"),
            (["fewshot", "eval"], "eval needs --run DIR, or --learner"),
            (["fewshot", "eval", "--run", "r", "--learner", "nearest"], "leave out --learner"),
            (["fewshot", "oneshot", "--learner", "nearest"], "oneshot needs --task PATH"),
            (["fewshot", "show"], "show needs --out DIR"),
            (["fewshot", "classify"], "--run DIR is missing"),
        ]:
            self.refused(*words, says=says)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_what_learners_cannot_do(self):
        train = ["fewshot", "train", *SMALL, "--episodes", "3", "--out", "r", "--learner"]
        for words, says in [
            (["maml", "--train-way", "3"],
             "maml: its network has a head of 3 classes and cannot be asked for 5 ways"),
            (["reptile", "--statistics", "running"], "reptile: it keeps no running statistics"),
            (["matching", "--fce", "--pairing", "all"], "pairing 'episode' is needed"),
            (["matching", "--fce", "--pairing", "episode", "--network", "conv5-map", "--filters",
              "64"], "embeddings of 3136 numbers would need 275 million weights"),
            (["maml", "--proximal", "1", "--learned-rates"],
             "learned rates have no gradient in implicit MAML"),
            (["maml", "--proximal", "-1"], "--proximal: -1 is out of range"),
            (["maml", "--inner-steps", "-1"], "--inner-steps: -1 is out of range"),
            (["reptile", "--test-steps", "-1"], "--test-steps: -1 is out of range"),
            (["lstm", "--inner-batch", "-1"], "--inner-batch: -1 is out of range"),
            (["reptile", "--test-batch", "-1"], "--test-batch: -1 is out of range"),
            (["maml", "--solver-steps", "-1"], "--solver-steps: -1 is out of range"),
            (["maml", "--inner-rate", "0"], "--inner-rate: 0 is out of range: above 0"),
            (["lstm", "--clip", "-1"], "--clip: -1 is out of range"),
            (["maml", "--fce"], "--fce: maml has no use for it; it is for matching"),
            (["prototypical", "--inner-rate", "1"], "it is for maml, fomaml, reptile, lstm"),
            (["lstm", "--inner-rate", "1"], "the lstm learner's is a gate's, above 0 and below 1"),
            (["lstm", "--adapts", "hed"], "unknown adapts 'hed'; did you mean 'head'?"),
        ]:
            self.refused(*train, *words, says=says)
        self.assertFalse((self.folder / "r").exists())

    def test_another_way_than_that_of_the_head(self):
        self.run_program("fewshot", "train", *SMALL, "--learner", "fomaml", "--episodes", "4",
                         "--out", "r")
        for verb in ("eval", "show"):
            self.refused("fewshot", verb, "--run", "r", "--way", "20", "--out", "e",
                         says="fomaml: its network has a head of 5 classes and cannot be asked for "
                              "20 ways")
        self.assertFalse((self.folder / "e").exists())

    def test_the_largest_seed_is_a_seed(self):
        done = self.run_program("gradients", "check", "--op", "exp", "--seed", 2**64 - 1,
                                "--json", "-")
        self.assertEqual(done.json["seed"], 2**64 - 1)

    def test_instruction_set_of_another_name(self):
        self.refused("data", "show", DATA, env=environment(METATAPE_SIMD="avx3"), code=None,
                     says="avx3")

    def test_more_ways_than_classes(self):
        self.refused("fewshot", "train", *SMALL, "--train-way", "5000", "--out", "r",
                     says="5000-way asked of")
        self.refused("fewshot", "eval", "--learner", "nearest", "--data", DATA, *EPISODES,
                     "--way", "5000", says="5000-way asked of")
        self.assertFalse((self.folder / "r").exists())


class Streams(Case):
    def test_json_alone_on_standard_output(self):
        for words in (["gradients", "check", "--op", "exp"], ["data", "show", DATA],
                      ["fewshot", "eval", "--learner", "nearest", "--data", DATA, *EPISODES,
                       "--episodes", "5"],
                      ["fewshot", "train", *SMALL, "--episodes", "3", "--out", "r"]):
            done = self.run_program(*words, "--json", "-")
            self.assertEqual(done.out.count("\n"), 1, done)
            found = done.json
            self.assertEqual(found["command"], ["metatape", *words, "--json", "-"])
            for field, kind in (("version", str), ("seed", int), ("threads", int),
                                ("wall_s", (int, float)), ("peak_rss_mib", (int, float)),
                                ("result", dict)):
                self.assertIsInstance(found[field], kind, field)
            self.assertEqual(sorted(found["machine"]), ["blas", "simd"])

    def test_json_in_a_file(self):
        done = self.run_program("gradients", "check", "--op", "exp", "--json", "x.json")
        self.assertIn("exp", done.out)
        self.assertEqual(json.loads((self.folder / "x.json").read_text())["result"]["ops"][0]["name"],
                         "exp")
        self.no_strays(self.folder)

    def test_json_into_a_pipe_or_device_leaves_it_one(self):
        # A link of ours stands for the device: a writer that renames would replace only it.
        link = self.folder / "null"
        link.symlink_to("/dev/null")
        self.run_program("gradients", "check", "--op", "exp", "--json", link)
        self.assertEqual(os.readlink(link), "/dev/null")
        target, link = self.folder / "target.json", self.folder / "link.json"
        target.write_text("old")
        link.symlink_to(target)
        self.run_program("gradients", "check", "--op", "exp", "--json", link)
        self.assertTrue(link.is_symlink())
        self.assertIn("result", json.loads(target.read_text()))

    def test_quiet_says_nothing_on_standard_error(self):
        done = self.train("r", "--episodes", 3, "--quiet", env=environment(PATH="/nowhere"))
        self.assertEqual(done.err, "")
        self.assertIn("trained prototypical on 3 episodes", done.out)

    def test_no_terminal_no_colour(self):
        done = self.run_program("data", "show", DATA, env=environment(TERM="xterm"))
        self.assertNotIn("\033", done.out + done.err)
        self.assertIn("\033[1m", self.run_program("data", "show", DATA, "--color", "always").out)

    def test_on_a_terminal_colour_unless_NO_COLOR(self):
        def shown(**changes):
            try:
                ours, theirs = os.openpty()
            except OSError as why:
                self.skipTest(f"no pseudo terminal: {why}")
            process = self.start("data", "show", DATA, stdout=theirs,
                                 env=environment(**{"TERM": "xterm", **changes}))
            os.close(theirs)
            text = b""
            while True:
                try:
                    block = os.read(ours, 4096)
                except OSError:  # the other end is closed
                    break
                if not block:
                    break
                text += block
            os.close(ours)
            self.assertEqual(self.finish(process).code, 0)
            return text
        self.assertIn(b"\033[1m", shown())
        self.assertNotIn(b"\033", shown(NO_COLOR="1"))
        self.assertNotIn(b"\033", shown(TERM="dumb"))

    def test_a_poor_environment(self):
        done = self.run_program("data", "show", DATA, env={"LC_ALL": "C"})  # no HOME, no PATH
        self.assertIn("classes", done.out)
        evaluated = ["fewshot", "eval", "--learner", "nearest", "--data", DATA, *EPISODES,
                     "--episodes", "5"]
        self.assertEqual(self.run_program(*evaluated, env={"LC_ALL": "C"}).out,
                         self.run_program(*evaluated, env=environment(LC_ALL="C.UTF-8")).out)

    def test_standard_output_closed_or_full(self):
        words = ["gradients", "check", "--op", "exp"]
        for command in (f'"$0" {" ".join(words)} >&-', f'"$0" {" ".join(words)} --json - >&-',
                        f'"$0" --help >&-', f'"$0" --version >&-'):
            done = subprocess.run(["sh", "-c", command, str(support.PROGRAM)], text=True,
                                  stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                  env=environment(), check=False)
            self.assertEqual(done.returncode, 1, command)
            self.assertIn("standard output cannot be written", done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1)
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = self.run_program(*words, stdout=full, code=1)
        self.one_line(done, "standard output cannot be written: No space left on device")

    def test_a_reader_that_goes_away(self):
        process = self.start("gradients", "check", "--op", "exp")
        process.stdout.close()
        code = process.wait(timeout=support.PATIENCE)
        self.assertEqual(code, 1)
        self.assertIn("Broken pipe", process.stderr.read())

    def test_closed_standard_streams_do_not_catch_files(self):
        done = subprocess.run(["sh", "-c", '"$0" "$@" <&- 2>&-', str(support.PROGRAM), "fewshot",
                               "train", *SMALL, "--episodes", "3", "--out", "r"],
                              cwd=self.folder, stdout=subprocess.PIPE, env=environment(), text=True,
                              check=False)
        self.assertEqual(done.returncode, 0)
        config = (self.folder / "r" / "config.toml").read_text()
        self.assertTrue(config.startswith("# metatape fewshot train"), config)


if __name__ == "__main__":
    support.main()
