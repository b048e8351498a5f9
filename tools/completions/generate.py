#!/usr/bin/env python3
"""Writes the bash and zsh completions from what `rrk --help` and `rrk VERB --help` print.

    tools/completions/generate.py BUILD/cli/rrk

The results are committed; a test compares them with the help of the built command, so they cannot drift apart.
"""
import pathlib
import re
import subprocess
import sys

OPTION = re.compile(r"^\s+(?:-(\w), |    )?--([a-z0-9-]+)(?: (\S+))?(?:  +(.*))?$")


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def verbs_of(rrk):
    return re.findall(r"^  (\w+) +(.+)$", output(rrk, "--help"), re.M)


def options_of(rrk, verb):
    lines = output(rrk, verb, "--help").splitlines()
    found = []
    for i, line in enumerate(lines):
        match = OPTION.match(line)
        if match:
            letter, name, argument, text = match.groups()
            found.append((letter, name, argument, text or lines[i + 1].strip()))
    return found


def words_of(argument):
    """The words of a choice: "off|list", or "[off|list]" where the option may come without one."""
    return argument.strip("[]").replace("|", " ")


def bash(verbs, options):
    words = " ".join(name for name, _ in verbs)
    out = ["# bash completion for rrk; written by tools/completions/generate.py", "_rrk()", "{",
           "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]}",
           "    COMPREPLY=()", "    if [ \"$COMP_CWORD\" -eq 1 ]; then",
           f"        COMPREPLY=($(compgen -W \"{words} help --help --version\" -- \"$current\"))",
           "        return", "    fi", "    case $verb:$previous in",
           f"    help:*) COMPREPLY=($(compgen -W \"{words}\" -- \"$current\")); return ;;"]
    for verb, _ in verbs:
        for letter, name, argument, _ in options[verb]:
            if not argument:
                continue
            patterns = f"{verb}:--{name}" + (f" | {verb}:-{letter}" if letter else "")
            if "|" in argument:
                action = f'COMPREPLY=($(compgen -W "{words_of(argument)}" -- "$current"))'
            elif argument == "DIR":
                action = 'COMPREPLY=($(compgen -d -- "$current"))'
            elif argument == "FILE":
                action = 'COMPREPLY=($(compgen -f -- "$current"))'
            else:
                action = ":"
            out.append(f"    {patterns}) {action}; return ;;")
    out += ["    esac", "    case $verb in"]
    for verb, _ in verbs:
        names = " ".join("--" + name for _, name, _, _ in options[verb])
        out += [f"    {verb}) words=\"{names}\" ;;"]
    out += ["    *) return ;;", "    esac", "    if [[ $current == -* ]]; then",
            "        COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))", "    else",
            "        COMPREPLY=($(compgen -f -- \"$current\"))", "    fi", "}",
            "complete -o filenames -F _rrk rrk", ""]
    return "\n".join(out).replace("    COMPREPLY=()\n", "    local words\n    COMPREPLY=()\n", 1)


def zsh_text(text):
    return re.sub(r"([\[\]:\\])", r"\\\1", text).replace("'", "'\\''")


def zsh_option(letter, name, argument, text):
    text = zsh_text(text)
    value = ""
    if argument:
        action = {"FILE": "_files", "DIR": "_directories"}.get(argument, "")
        if "|" in argument:
            action = "(" + words_of(argument) + ")"
        value = ("::" if argument[0] == "[" else ":") + name + ":" + action
    if letter:
        return f"        '(-{letter} --{name})'{{-{letter},--{name}}}'[{text}]{value}' \\"
    return f"        '--{name}[{text}]{value}' \\"


def zsh(verbs, options):
    out = ["#compdef rrk", "# zsh completion for rrk; written by tools/completions/generate.py", "local -a verbs", "verbs=("]
    out += [f"    '{name}:{zsh_text(text)}'" for name, text in verbs]
    out += [")", "if (( CURRENT == 2 )); then", "    _describe verb verbs", "    return", "fi",
            "local verb=$words[2]", "shift words", "(( CURRENT-- ))", "case $verb in"]
    for verb, _ in verbs:
        out += [f"{verb})", "    _arguments -s \\"]
        out += [zsh_option(*option) for option in options[verb]]
        out += ["        '*:operand:_files'", "    ;;"]
    out += ["help)", "    _describe verb verbs", "    ;;", "esac", ""]
    return "\n".join(out)


def main():
    rrk = sys.argv[1]
    here = pathlib.Path(__file__).parent
    verbs = verbs_of(rrk)
    options = {verb: options_of(rrk, verb) for verb, _ in verbs}
    (here / "rrk.bash").write_text(bash(verbs, options))
    (here / "_rrk").write_text(zsh(verbs, options))


if __name__ == "__main__":
    main()
