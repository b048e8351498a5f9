#!/usr/bin/env python3
"""run_examples.py BUILD_DIR SOURCE_DIR CC: installs into a folder of its own, builds the programs in examples/ through
rrk.pc against the shared and the static library, and runs them. rerank.c and rerank.py need the model in
RRK_TEST_MODEL; without one they run up to the message that the model is missing."""
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


def build_both(name, source, prefix, pc, compile_command):
    """Paths of the program linked to the shared and to the static library."""
    example = os.path.join(source, "examples", name + ".c")
    shared, static = os.path.join(prefix, name + "-shared"), os.path.join(prefix, name + "-static")
    run([*compile_command, example, "-o", shared, *flags(pc, prefix, "--cflags", "--libs")], os.environ)
    libs = flags(pc, prefix, "--static", "--libs")
    at = libs.index("-lrrk")
    libs[at:at + 1] = ["-Wl,-Bstatic", "-lrrk", "-Wl,-Bdynamic"]
    run([*compile_command, example, "-o", static, *flags(pc, prefix, "--cflags"), *libs], os.environ)
    if "librrk" in run(["ldd", static], os.environ):
        sys.exit(f"{static} still asks for librrk.so")
    return shared, static


def check_rerank(name, output, model):
    if not model:
        if "/nowhere" not in output:
            sys.exit(f"{name} does not name the missing model:\n{output}")
        return
    lines = output.splitlines()
    if len(lines) != 10 or "chain" not in lines[0] or "chain" not in lines[1]:
        sys.exit(f"{name}: the two passages about chains should lead ten lines:\n{output}")
    print(f"{name}:\n{output}", end="")


def check_custom_llm(name, output):
    """Six passages in windows of 4 that move by 2: two calls, and the passages about chains come up."""
    lines = output.splitlines()
    if len(lines) != 7 or "chain" not in lines[0] or "chain" not in lines[1] or lines[6] != "2 calls":
        sys.exit(f"{name}: the two passages about chains should lead six lines and a count of calls:\n{output}")
    print(f"{name}:\n{output}", end="")


def main():
    build, source, cc = sys.argv[1:]
    model = os.environ.get("RRK_TEST_MODEL", "")
    sanitized = "-fsanitize" in pathlib.Path(build, "build.ninja").read_text(encoding="utf-8")
    compile_command = [cc, "-Wall", "-Werror", *(["-fsanitize=address,undefined"] if sanitized else [])]
    with tempfile.TemporaryDirectory() as prefix:
        pc = install(build, prefix)
        library = next(pathlib.Path(prefix).rglob("librrk.so.0"))
        env = dict(os.environ, LD_LIBRARY_PATH=str(library.parent), RRK_LIBRARY=str(library))
        want = 0 if model else 1
        for program in build_both("rerank", source, prefix, pc, compile_command):
            check_rerank(program, run([program, model or "/nowhere"], env, want), model)
        for program in build_both("custom_llm", source, prefix, pc, compile_command):
            check_custom_llm(program, run([program], env))
        if not sanitized:  # an unsanitized Python cannot load a sanitized library
            script = os.path.join(source, "examples", "rerank.py")
            check_rerank("python", run([sys.executable, script, model or "/nowhere"], env, want), model)
    if not model:
        print("SKIP: built, linked and started, but RRK_TEST_MODEL names no model to rerank with")
        return SKIPPED
    return 0


if __name__ == "__main__":
    sys.exit(main())
