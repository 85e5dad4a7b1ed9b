#!/usr/bin/env python3
"""Programs of users build against an installed copy, by pkg-config and by CMake, and run.

    python3 tests/test_consumers.py BUILD ROOT COMPILER...

Installs the build folder below a temporary folder, which is not the prefix it was configured for:
the CMake package has to find its files from where it stands. The last line is `N passed, N failed`.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from expected import difference, expectation

CONSUMERS = pathlib.Path(__file__).resolve().parent / "consumers"
REFUSALS = [  # what find_package is asked for, what it says
    ("metatape 0.99 REQUIRED", "compatible with requested version"),
    ("metatape 1 REQUIRED", "compatible with requested version"),
    ("metatape REQUIRED COMPONENTS tensors", "metatape has no component tensors"),
]


class Failure(Exception):
    pass


def run(*command, env=None, cwd=None, refused=False):
    done = subprocess.run([str(c) for c in command], env=dict(os.environ, **(env or {})), cwd=cwd,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if (done.returncode != 0) != refused:
        raise Failure(f"{' '.join(str(c) for c in command)}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


class Consumers:
    def __init__(self, folder, build, root, compiler):
        self.folder, self.root, self.compiler = folder, root, compiler
        stage = folder / "stage"
        run("meson", "install", "--no-rebuild", "-C", build, "--destdir", stage)
        config = next(stage.rglob("metatapeConfig.cmake"))
        self.libraries = config.parents[2]
        self.prefix = next(stage.rglob("include")).parent
        for pc in (self.libraries / "pkgconfig").glob("metatape*.pc"):  # as who moves a tree does
            pc.write_text(re.sub("^prefix=.*$", f"prefix={self.prefix}", pc.read_text(), flags=re.M))
        self.env = {"CXX": compiler, "LD_LIBRARY_PATH": str(self.libraries),
                    "PKG_CONFIG_PATH": str(self.libraries / "pkgconfig")}

    def has(self, ending):
        return any(self.libraries.glob(f"libmetatape-autodiff{ending}"))

    def holds(self, program, source, static):
        """The program prints what its source says, and is linked the way it was asked to be."""
        said = expectation(source.read_text(encoding="utf-8"))
        differs = difference(said[0], run(program, env=self.env), said[1])
        if differs:
            raise Failure(differs)
        if sys.platform == "linux":
            needed = run("ldd", program, env=self.env)
            if ("libmetatape" in needed) == static:
                raise Failure(f"{program} should be linked {'static' if static else 'shared'}:\n{needed}")

    def by_pkg_config(self, static):
        out = self.folder / f"pkg-config-{static}"
        run("make", "-C", CONSUMERS / "pkg-config", f"OUT={out}",
            f"STATIC={'--static' if static else ''}", env=self.env)
        self.holds(out, CONSUMERS / "consumer.cpp", static)

    def by_cmake(self, static, *options):
        out = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        examples = self.root / "examples"
        run("cmake", "-S", CONSUMERS / "cmake", "-B", out, f"-DCMAKE_PREFIX_PATH={self.prefix}",
            f"-DEXAMPLES={examples}", *options, env=self.env)
        run("cmake", "--build", out, env=self.env)
        self.holds(out / "consumer", CONSUMERS / "consumer.cpp", static)
        self.holds(out / "gradient", examples / "01_gradient.cpp", static)

    def cmake_refuses(self, wanted, message):
        out = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        (out / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.20)\nproject(refused CXX)\n"
            f"find_package({wanted})\n")
        text = run("cmake", "-S", out, "-B", out / "build", f"-DCMAKE_PREFIX_PATH={self.prefix}",
                   env=self.env, refused=True)
        if message not in " ".join(text.split()):
            raise Failure(f"{wanted}: no `{message}` in\n{text}")

    def leave_static_alone(self):
        for library in self.libraries.glob("libmetatape-*"):
            if library.suffix != ".a":
                library.unlink()


def main():
    build, root = (pathlib.Path(a).resolve() for a in sys.argv[1:3])
    compiler = " ".join(word for word in sys.argv[3:] if not word.endswith("ccache"))
    passed = failed = 0

    def check(name, call, *arguments):
        nonlocal passed, failed
        try:
            call(*arguments)
            passed += 1
        except Failure as what:
            failed += 1
            print(f"{name}: {what}")

    folder = pathlib.Path(tempfile.mkdtemp(prefix="metatape-consumers-"))
    try:
        consumers = Consumers(folder, build, root, compiler)
        for wanted, message in REFUSALS:
            check(f"CMake refuses {wanted}", consumers.cmake_refuses, wanted, message)
        static = consumers.has(".a")
        if consumers.has(".so") or consumers.has(".dylib"):
            check("pkg-config, shared", consumers.by_pkg_config, False)
            check("CMake, shared", consumers.by_cmake, False)
            if static:
                check("CMake, static beside shared", consumers.by_cmake, True, "-DMETATAPE_STATIC=ON")
        if static:
            consumers.leave_static_alone()
            check("pkg-config, static", consumers.by_pkg_config, True)
            check("CMake, static alone", consumers.by_cmake, True)
    except Failure as what:
        failed += 1
        print(what)
    finally:
        shutil.rmtree(folder)
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
