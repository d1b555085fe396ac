"""The command line: what each command and option is called, and the one function that it calls."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from gradlint import __version__, console, store
from gradlint.formats import AuditFormat, ExplainFormat, PageFormat, ReportFormat

COMMANDS: Final = ("audit", "check", "clean", "explain", "new", "rule", "test")
# What may stand in the place of a command; anything else there belongs to `check`.
ALONE: Final = ("-h", "--help", "--version")

_CACHE: Final = Path(store.default())

app = typer.Typer(
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Find and fix the hazards in PyTorch training code that cost training runs.\n\n"
        "`gradlint PATHS` is short for `gradlint check PATHS`; a path that is itself called like a command is "
        "written `./check`."
    ),
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def run(arguments: list[str]) -> int:
    """Run the command that the arguments name, `check` where they name none, and return the exit status."""
    if not arguments or arguments[0] not in (*COMMANDS, *ALONE):
        arguments = ["check", *arguments]
    return console.guarded(lambda: _run(arguments))


def _run(arguments: list[str]) -> int:
    try:
        app(arguments, prog_name="gradlint")
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 0
    return 0


def _version(wanted: bool) -> None:
    if wanted:
        console.write([f"gradlint {__version__}"])
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """What all commands share."""


@app.command()
def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Files and folders to check, `-` for standard input; the current folder if there is none.",
            readable=False,  # what cannot be read is said of, and the rest is checked
        ),
    ] = None,
    fix: Annotated[bool | None, typer.Option("--fix/--no-fix", help="Apply the safe fixes.")] = None,
    unsafe_fixes: Annotated[
        bool | None,
        typer.Option("--unsafe-fixes/--no-unsafe-fixes", help="With --fix or --diff: apply unsafe fixes too."),
    ] = None,
    fix_only: Annotated[
        bool | None,
        typer.Option("--fix-only/--no-fix-only", help="Apply fixes, and neither report nor count what is left."),
    ] = None,
    show_fixes: Annotated[
        bool | None, typer.Option("--show-fixes/--no-show-fixes", help="List what was fixed, by file and rule.")
    ] = None,
    interactive: Annotated[
        bool, typer.Option("-i", "--interactive", help="Apply fixes, asking about each; implies --fix.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Print what --fix would change and change nothing; exit 1 if it would.")
    ] = False,
    select: Annotated[
        list[str] | None, typer.Option(metavar="RULES", help="Run these: codes, prefixes, names, ALL, DEFAULT.")
    ] = None,
    extend_select: Annotated[list[str] | None, typer.Option(metavar="RULES", help="Run these too.")] = None,
    ignore: Annotated[list[str] | None, typer.Option(metavar="RULES", help="Do not run these.")] = None,
    output_format: Annotated[ReportFormat | None, typer.Option(help="How to report.", show_default="full")] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Pass over these in folders, as in a .gitignore.")
    ] = None,
    force_exclude: Annotated[
        bool | None,
        typer.Option("--force-exclude/--no-force-exclude", help="Pass over excluded files even where they are named."),
    ] = None,
    respect_gitignore: Annotated[
        bool | None,
        typer.Option("--respect-gitignore/--no-respect-gitignore", help="Pass over what a .gitignore names."),
    ] = None,
    preview: Annotated[
        bool | None, typer.Option("--preview/--no-preview", help="Run rules that are not yet proven, where selected.")
    ] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Take the settings from this file.")] = None,
    isolated: Annotated[bool, typer.Option("--isolated", help="Take no settings from files.")] = False,
    stdin_filename: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Read standard input as if it were this file; with --fix, print it fixed."),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Use N processes; 0 is as many as the work is worth.")
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Neither use nor write the cache.")] = False,
    cache_dir: Annotated[Path, typer.Option(metavar="FOLDER", help="Keep the cache in this folder.")] = _CACHE,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit 0 even if hazards are found.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No line of conclusion.")] = False,
    show_settings: Annotated[
        bool, typer.Option("--show-settings", help="Print the settings and where each comes from, and exit.")
    ] = False,
) -> None:
    """Check training code: exit 0 if it is clean, 1 if hazards are found, 2 if gradlint could not do its work."""
    flags = {
        "select": _listed(select),
        "extend_select": _listed(extend_select),
        "ignore": _listed(ignore),
        "fix": fix,
        "fix_only": fix_only,
        "show_fixes": show_fixes,
        "unsafe_fixes": unsafe_fixes,
        "output_format": output_format,
        "exclude": exclude,
        "force_exclude": force_exclude,
        "respect_gitignore": respect_gitignore,
        "preview": preview,
        "jobs": jobs,
    }

    def body() -> int:
        from gradlint import session

        cache = None if no_cache else cache_dir
        request = session.Request(
            paths or [], flags, config, isolated, diff, interactive, stdin_filename, exit_zero, quiet, cache
        )
        return session.show_settings(request) if show_settings else session.check(request)

    raise typer.Exit(console.guarded(body))


@app.command()
def rule(
    rule: Annotated[str | None, typer.Argument(metavar="CODE|NAME", help="The rule to explain.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Explain every rule.")] = False,
    output_format: Annotated[PageFormat, typer.Option(help="How to print.")] = "text",
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Take rule packs from this file.")] = None,
    isolated: Annotated[bool, typer.Option("--isolated", help="Take no settings from files.")] = False,
) -> None:
    """Explain a rule: what it finds, why that is bad, and what to write instead."""
    if (rule is None) is not every:
        raise typer.BadParameter("name one rule, by its code or name, or give --all", param_hint="CODE|NAME")

    def body() -> int:
        from gradlint import session

        return session.pages(rule, output_format, config, isolated)

    raise typer.Exit(console.guarded(body))


@app.command()
def explain(
    target: Annotated[
        str, typer.Argument(metavar="FILE[:LINE]", help="A file or a line in it; in a notebook, FILE.ipynb:CELL:LINE.")
    ],
    output_format: Annotated[ExplainFormat, typer.Option(help="How to print.")] = "text",
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Take the settings from this file.")] = None,
    isolated: Annotated[bool, typer.Option("--isolated", help="Take no settings from files.")] = False,
) -> None:
    """Explain what gradlint believes of the update or network at a line: why it says something, or nothing."""

    def body() -> int:
        from gradlint import session

        return session.explain(target, output_format, config, isolated)

    raise typer.Exit(console.guarded(body))


@app.command()
def audit(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Files and folders to audit; the current folder if there is none.", readable=False),
    ] = None,
    output_format: Annotated[AuditFormat, typer.Option(help="How to print.")] = "text",
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Write to this file.")] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Take the settings from this file.")] = None,
    isolated: Annotated[bool, typer.Option("--isolated", help="Take no settings from files.")] = False,
) -> None:
    """Tell which safeguards against exploding gradients each update has, lacks, or does not need."""

    def body() -> int:
        from gradlint import session

        return session.audit(paths or [Path()], output_format, output, config, isolated)

    raise typer.Exit(console.guarded(body))


@app.command()
def clean(
    cache_dir: Annotated[Path, typer.Option(metavar="FOLDER", help="The folder of the cache.")] = _CACHE,
) -> None:
    """Remove the cache."""

    def body() -> int:
        from gradlint import session

        return session.clean(cache_dir)

    raise typer.Exit(console.guarded(body))


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call the rule: words with hyphens.")],
    family: Annotated[int, typer.Option(min=0, max=9, help="The first digit of its code.")],
    pack: Annotated[Path, typer.Option(metavar="FOLDER", help="The rule pack that gets it.")] = Path("lint_rules"),
    prefix: Annotated[
        str | None, typer.Option(metavar="LETTERS", help="The letters of its code; those of the pack, or else XY.")
    ] = None,
) -> None:
    """Write a new rule and its fixture, with the next free code."""

    def body() -> int:
        from gradlint import session

        return session.new(name, family, pack, prefix)

    raise typer.Exit(console.guarded(body))


@app.command("test")
def prove(
    pack: Annotated[Path, typer.Argument(metavar="FOLDER", help="The rule pack to prove.")] = Path("lint_rules"),
    fixtures: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Its fixtures; by default, its own folder `fixtures`.")
    ] = None,
    update: Annotated[bool, typer.Option("--update", help="Write what is found and fixed into the fixtures.")] = False,
) -> None:
    """Prove a rule pack: pages, examples, fixtures and fixes, as the built-in rules are proved."""

    def body() -> int:
        from gradlint import session

        return session.prove(pack, fixtures, update)

    raise typer.Exit(console.guarded(body))


def _listed(values: list[str] | None) -> list[str] | None:
    """`--select GL101,GL2 --select GL301` names three."""
    if not values:
        return None
    return [part.strip() for value in values for part in value.split(",") if part.strip()]
