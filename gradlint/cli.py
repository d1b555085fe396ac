"""The command line: what each command and option is called, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gradlint import __version__

app = typer.Typer(
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
COMMANDS = ("check", "rule")


def run(arguments: list[str]) -> int:
    """Run the command that `arguments` name, `check` where they name none, and return the exit status."""
    alone = ("--help", "-h", "--version")
    if not arguments or arguments[0] not in (*COMMANDS, *alone):
        arguments = ["check", *arguments]
    return int(app(arguments, standalone_mode=False) or 0)


@app.command()
def check(
    paths: Annotated[list[Path] | None, typer.Argument(help="Files and folders to check; the current one if none.")] = None,
    select: Annotated[list[str] | None, typer.Option(help="Rules to run: codes, prefixes, names, ALL.")] = None,
    ignore: Annotated[list[str] | None, typer.Option()] = None,
    output_format: Annotated[str | None, typer.Option()] = None,
    exit_zero: Annotated[bool, typer.Option("--exit-zero")] = False,
) -> int:
    """Check training code."""
    import sys
    from gradlint import runner
    from gradlint.report import json, full, concise, github, words
    from gradlint.report.text import Terminal

    flags = {"select": split(select), "ignore": split(ignore), "output_format": output_format}
    summary = runner.run(runner.Request(paths or [Path()], flags))
    t = Terminal.of(sys.stdout)
    lines = {"json": lambda: json.render(summary), "full": lambda: full.render(summary, t), "concise": lambda: concise.render(summary, t), "github": lambda: github.render(summary)}[output_format or "full"]()
    for line in lines:
        print(line)
    if output_format in (None, "full", "concise"):
        print(words.conclusion(summary))
    for problem in summary.problems:
        typer.echo(words.problem(problem), err=True)
    return 0 if exit_zero else 1


def split(values: list[str] | None) -> tuple[str, ...] | None:
    """Rules given as `--select GL101,GL2 --select GL301`."""
    return None if values is None else tuple(part.strip() for value in values for part in value.split(",") if part.strip())


@app.command()
def rule(code: str) -> None:
    """Explain a rule."""
