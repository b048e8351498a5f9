#!/usr/bin/env python3
"""run_examples.py BUILD_DIR SOURCE_DIR CC: installs into a folder of its own, builds examples/rerank.c through rrk.pc
against the shared and the static library, and runs both and rerank.py with the model in RRK_TEST_MODEL, or, without
one, up to the message that the model is missing."""
import os
import pathlib
import subprocess
import sys
import tempfile

SKIPPED = 77


def run(command, env, want=0):
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode != want:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def install(build, prefix):
    """Installs without rebuilding, so that a test never changes what the others run."""
    run(["meson", "install", "--no-rebuild", "--quiet", "-C", build, "--destdir", prefix], os.environ)
    return next(pathlib.Path(prefix).rglob("rrk.pc"))


def flags(pc, prefix, *options):
    env = dict(os.environ, PKG_CONFIG_PATH=str(pc.parent), PKG_CONFIG_SYSROOT_DIR="")
    root = run(["pkg-config", "--variable=prefix", "rrk"], env).strip()
    out = run(["pkg-config", f"--define-variable=prefix={prefix}{root}", *options, "rrk"], env)
    return out.split()


def check_output(name, output, model):
    if not model:
        if "/nowhere" not in output:
            sys.exit(f"{name} does not name the missing model:\n{output}")
        return
    lines = output.splitlines()
    if len(lines) != 10 or "chain" not in lines[0] or "chain" not in lines[1]:
        sys.exit(f"{name}: the two passages about chains should lead ten lines:\n{output}")
    print(f"{name}:\n{output}", end="")


def main():
    build, source, cc = sys.argv[1:]
    model = os.environ.get("RRK_TEST_MODEL", "")
    sanitized = "-fsanitize" in pathlib.Path(build, "build.ninja").read_text(encoding="utf-8")
    extra = ["-fsanitize=address,undefined"] if sanitized else []
    with tempfile.TemporaryDirectory() as prefix:
        pc = install(build, prefix)
        library = next(pathlib.Path(prefix).rglob("librrk.so.0"))
        env = dict(os.environ, LD_LIBRARY_PATH=str(library.parent), RRK_LIBRARY=str(library))
        example = os.path.join(source, "examples", "rerank.c")
        shared, static = os.path.join(prefix, "shared"), os.path.join(prefix, "static")
        run([cc, "-Wall", "-Werror", *extra, example, "-o", shared, *flags(pc, prefix, "--cflags", "--libs")], env)
        libs = flags(pc, prefix, "--static", "--libs")
        at = libs.index("-lrrk")
        libs[at:at + 1] = ["-Wl,-Bstatic", "-lrrk", "-Wl,-Bdynamic"]
        run([cc, "-Wall", "-Werror", *extra, example, "-o", static, *flags(pc, prefix, "--cflags"), *libs], env)
        if "librrk" in run(["ldd", static], env):
            sys.exit("the static program still asks for librrk.so")
        want = 0 if model else 1
        check_output("shared", run([shared, model or "/nowhere"], env, want), model)
        check_output("static", run([static, model or "/nowhere"], env, want), model)
        if not sanitized:  # an unsanitized Python cannot load a sanitized library
            script = os.path.join(source, "examples", "rerank.py")
            check_output("python", run([sys.executable, script, model or "/nowhere"], env, want), model)
    if not model:
        print("SKIP: built, linked and started, but RRK_TEST_MODEL names no model to rerank with")
        return SKIPPED
    return 0


if __name__ == "__main__":
    sys.exit(main())
