"""The ecosystem benchmark's own machinery, on small repositories made here; and that its data is in order."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from gradlint import measured, packs
from tests.conftest import RNN_LOOP
from tests.ecosystem import table
from tests.ecosystem.__main__ import main
from tests.ecosystem.checkout import CheckoutError, checked_out
from tests.ecosystem.compare import What, changes, updated
from tests.ecosystem.manifest import FOLDER, Entry, ManifestError, Row, Spot, dump, load, parse
from tests.ecosystem.table import measures

STEP = Spot("train.py", -1, 25, "GL101")
README = "# Title\n\n<!-- ecosystem -->\n<!-- /ecosystem -->\n"


def git(clone: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, "-C", str(clone), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(clone: Path) -> str:
    git(clone, "add", "-A")
    git(clone, "commit", "-q", "-m", "Change")
    return git(clone, "rev-parse", "HEAD")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The clone of `owner/name`, with one hazard in its first commit."""
    folder = tmp_path / "clones" / "owner+name"
    (folder / "data").mkdir(parents=True)
    git(folder, "init", "-q")
    (folder / "train.py").write_text(RNN_LOOP)
    (folder / "data" / "numbers.txt").write_text("1 2 3\n")
    commit(folder)
    return folder


@pytest.fixture
def benchmark(clone: Path, tmp_path: Path) -> Callable[..., int]:
    """The benchmark with a manifest of its own, which begins empty."""
    (tmp_path / "manifest").mkdir()
    (tmp_path / "README.md").write_text(README)

    def run(*arguments: str) -> int:
        return main(
            [str(clone.parent), *arguments], tmp_path / "manifest", tmp_path / "README.md", tmp_path / "measured.json"
        )

    return run


def verdict(tmp_path: Path, **values: object) -> None:
    """Write into the one row of the manifest, as a person would."""
    file = tmp_path / "manifest" / "owner+name.json"
    data = json.loads(file.read_text())
    data["rows"][0].update(values)
    file.write_text(json.dumps(data))


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.json")), ids=lambda file: file.stem)
def test_data(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert dump(parse(file.name, text)) == text, "`python -m tests.ecosystem --table` puts it in order"


ROW = {"rule": "GL101", "file": "train.py", "line": 3, "cell": None, "verdict": "true", "why": "An LSTM."}
HEAD = {"repo": "owner/name", "commit": "0" * 40, "kind": "speech", "rows": [ROW]}


def test_data_reads_back() -> None:
    entry = parse("owner+name.json", json.dumps(HEAD))
    assert entry.rows == (Row(Spot("train.py", -1, 3, "GL101"), "true", "An LSTM."),)
    assert parse("owner+name.json", dump(entry)) == entry
    package = parse(
        "some-package.json", json.dumps({"package": "some-package", "version": "1.0", "kind": "a", "rows": []})
    )
    assert package.is_package
    assert parse("some-package.json", dump(package)) == package


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "not an object"),
        ({**HEAD, "commits": 1}, "unknown key `commits`"),
        ({key: value for key, value in HEAD.items() if key != "kind"}, "no `kind`"),
        ({**HEAD, "kind": ""}, "`kind` must be a string"),
        ({**HEAD, "commit": "main"}, "`commit` must be 40 hexadecimal digits, not 'main'"),
        ({**HEAD, "repo": "name"}, "`repo` must be owner/name"),
        ({**HEAD, "repo": "owner/other"}, "the file of owner/other is owner+other.json"),
        ({**HEAD, "judged": "GL101"}, "`judged` must be a list of codes"),
        ({**HEAD, "judged": ["GL501"]}, "train.py:3 GL101 is not of the rules in `judged`"),
        ({**HEAD, "rows": {}}, "`rows` must be a list"),
        ({**HEAD, "rows": [1]}, "row 1 is not an object"),
        ({**HEAD, "rows": [ROW, {**ROW, "verdict": "false"}]}, "two rows for train.py:3 GL101"),
        ({**HEAD, "rows": [{**ROW, "note": ""}]}, "row 1: unknown key `note`"),
        ({**HEAD, "rows": [{**ROW, "rule": "clip"}]}, "`rule` must be a code"),
        ({**HEAD, "rows": [{**ROW, "file": "/tmp/train.py"}]}, "`file` must be a path within the repository"),
        ({**HEAD, "rows": [{**ROW, "line": 0}]}, "`line` must be a row from 1"),
        ({**HEAD, "rows": [{**ROW, "cell": 2}]}, "`cell` must be the index of a notebook's cell, else null"),
        (
            {**HEAD, "rows": [{**ROW, "file": "train.ipynb"}]},
            "`cell` must be the index of a notebook's cell, else null",
        ),
        ({**HEAD, "rows": [{**ROW, "verdict": "missed"}]}, "`verdict` must be one of true, false, debatable or null"),
        ({**HEAD, "rows": [{**ROW, "why": " "}]}, "`why` must say"),
        ({**HEAD, "rows": [{**ROW, "found": 1}]}, "`sample` and `found` must be true or false"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_data_out_of_order(data: object, said: str) -> None:
    with pytest.raises(ManifestError, match=r"^owner\+name\.json: ") as caught:
        parse("owner+name.json", json.dumps(data))
    assert said in str(caught.value)


def test_a_key_that_stands_twice() -> None:
    with pytest.raises(ManifestError, match="the key `repo` stands twice"):
        parse("owner+name.json", '{"repo": "owner/name", "repo": "owner/name"}')


def test_a_commit_is_checked_out_and_the_clone_left_alone(clone: Path) -> None:
    first = git(clone, "rev-parse", "HEAD")
    (clone / "train.py").write_text("later = 1\n")
    (clone / "link.py").symlink_to("train.py")
    second = commit(clone)
    (clone / "train.py").write_text("and_later = 1\n")
    with checked_out(Entry("owner/name", first, "speech"), clone.parent) as tree:
        assert (tree / "train.py").read_text() == RNN_LOOP
        assert (tree / "data" / "numbers.txt").read_text() == "1 2 3\n"
    assert not tree.exists()
    with checked_out(Entry("owner/name", second, "speech"), clone.parent) as tree:
        assert (tree / "train.py").read_text() == "later = 1\n"
        assert not (tree / "link.py").is_symlink()
    assert git(clone, "rev-parse", "HEAD") == second
    assert (clone / "train.py").read_text() == "and_later = 1\n"
    assert git(clone, "worktree", "list").count("\n") == 0


def test_a_clone_may_lack_what_is_not_needed(clone: Path) -> None:
    blob = git(clone, "rev-parse", "HEAD:data/numbers.txt")
    (clone / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with checked_out(Entry("owner/name", git(clone, "rev-parse", "HEAD"), "speech"), clone.parent) as tree:
        assert (tree / "train.py").read_text() == RNN_LOOP
        assert not (tree / "data").exists()


def test_a_clone_may_lie_below_its_owner(clone: Path) -> None:
    below = clone.parent / "owner" / "name"
    below.parent.mkdir()
    clone.rename(below)
    with checked_out(Entry("owner/name", git(below, "rev-parse", "HEAD"), "speech"), clone.parent) as tree:
        assert (tree / "train.py").exists()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (Entry("owner/other", "0" * 40, "speech"), "no clone in "),
        (Entry("owner/name", "0" * 40, "speech"), "git ls-tree in "),
    ],
    ids=["no clone", "no commit"],
)
def test_what_is_not_to_be_had_is_said(entry: Entry, said: str, clone: Path) -> None:
    with pytest.raises(CheckoutError, match=said), checked_out(entry, clone.parent):
        pass


def test_a_source_package_is_unpacked_and_stays_inside(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "package-1.0.tar.gz", "w:gz") as bundle:
        for name in ("package-1.0/src/train.py", "package-1.0/../../outside.py", "/package-1.0/absolute.py"):
            member = tarfile.TarInfo(name)
            member.size = len(RNN_LOOP)
            bundle.addfile(member, io.BytesIO(RNN_LOOP.encode()))
    with checked_out(Entry("package", "1.0", "speech"), tmp_path) as tree:
        files = [path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file()]
    assert files == ["src/train.py"]
    assert not list(tmp_path.rglob("outside.py"))


def test_a_run_is_recorded_and_compared(
    benchmark: Callable[..., int], tmp_path: Path, clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert benchmark("--repo", "owner/name", "--kind", "speech", "--update") == 1
    assert f"new finding, without a verdict: {STEP}" in capsys.readouterr().out
    file = tmp_path / "manifest" / "owner+name.json"
    assert parse(file.name, file.read_text()) == Entry(
        "owner/name", git(clone, "rev-parse", "HEAD"), "speech", (Row(STEP, found=True),)
    )
    assert benchmark() == 0
    verdict(tmp_path, verdict="true", why="An LSTM, and no clip.")
    assert benchmark("--table") == 0
    said = "| GL101 | 1 of 1 | 1 | 1 | 0 | 0 | 100.0% | 0 | - |\n"
    assert said in capsys.readouterr().out
    assert said in (tmp_path / "README.md").read_text()
    assert file.read_text() == dump(parse(file.name, file.read_text()))

    verdict(tmp_path, line=24)
    assert benchmark("--rule", "GL501") == 0
    capsys.readouterr()
    assert benchmark() == 1
    out = capsys.readouterr().out
    assert f"new finding, without a verdict: {STEP}" in out
    assert "true finding lost: train.py:24 GL101 An LSTM, and no clip." in out


def test_a_repository_is_judged_for_some_rules_alone(
    benchmark: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    benchmark("--repo", "owner/name", "--kind", "speech", "--update", "--rule", "GL301")
    file = tmp_path / "manifest" / "owner+name.json"
    assert parse(file.name, file.read_text()).judged == ("GL301",)
    capsys.readouterr()
    assert benchmark("--update") == 0
    assert "GL101" not in capsys.readouterr().out
    benchmark("--update", "--rule", "GL101")
    entry = parse(file.name, file.read_text())
    assert (entry.judged, entry.rows) == (("GL101", "GL301"), (Row(STEP, found=True),))
    assert [each.read for each in measures([entry, Entry("owner/other", "0" * 40, "speech", judged=("GL301",))])] == [1]


def test_a_repository_that_cannot_be_checked_does_not_stop_the_others(
    benchmark: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    benchmark("--repo", "owner/name", "--kind", "speech", "--update")
    (tmp_path / "manifest" / "gone+away.json").write_text(dump(Entry("gone/away", "0" * 40, "vision")))
    capsys.readouterr()
    assert benchmark() == 2
    out, err = capsys.readouterr()
    assert err.startswith("gone/away: error: no clone in ")
    assert out.startswith("owner/name: GL101 1")


def test_an_unknown_repository(benchmark: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark("--repo", "owner/name") == 2
    assert "owner/name is not in the manifest" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("verdict", "was_found", "what"),
    [
        (None, True, What.GONE),
        ("true", False, What.GAINED),
        ("true", True, What.LOST),
        ("false", False, What.BACK),
        ("false", True, What.CURED),
        ("debatable", False, What.ARGUED),
        ("debatable", True, What.DROPPED),
    ],
)
def test_changes(verdict: str | None, was_found: bool, what: What) -> None:
    entry = Entry("owner/name", "0" * 40, "speech", (Row(STEP, verdict, "why", found=was_found),))
    found = {} if was_found else {STEP: "message"}
    assert [change.what for change in changes(entry, found)] == [what]
    assert list(changes(entry, found, {"GL501"})) == []
    after = updated(entry, found)
    assert list(changes(after, found)) == []
    assert [row.verdict for row in after.rows] == ([] if verdict is None else [verdict])
    assert updated(entry, found, {"GL501"}) == entry


def test_measures() -> None:
    def row(line: int, verdict: str | None, sample: bool = False, found: bool = True) -> Row:
        return Row(Spot("train.py", -1, line, "GL101"), verdict, "why", sample, found)

    rows = [row(1, "true"), row(2, "true"), row(3, "true"), row(4, "false"), row(5, "debatable"), row(6, None)]
    silent = [
        row(7, "false", found=False),
        row(8, "true", sample=True, found=False),
        row(9, "false", sample=True, found=False),
        row(10, "true", sample=True, found=True),
    ]
    entries = [
        Entry("owner/one", "0" * 40, "speech", tuple(rows)),
        Entry("owner/two", "0" * 40, "speech", tuple(silent)),
        Entry("owner/three", "0" * 40, "speech"),
    ]
    (found,) = measures(entries)
    assert found.found == measured.Measured(4, 1, 1, 2)
    assert found.found.judged == 6
    assert found.cured == 1
    assert found.found.precision == pytest.approx(0.8)
    assert (found.missed, found.sample) == (1, 3)


def test_what_gradlint_tells_of_its_rules_is_what_was_judged() -> None:
    """`python -m tests.ecosystem --table` writes it anew."""
    assert measured.FILE.read_text(encoding="utf-8") == measured.written(table.counts(load()))


def test_a_rule_is_stable_where_it_was_right() -> None:
    """The five that were asked for by name are on whatever was measured; a rule about gradlint itself has no hazard."""
    asked = {"GL101", "GL201", "GL301", "GL401", "GL501", "GL001"}
    stable = {rule.code for rule in packs.load(installed=False) if not rule.preview}
    proven = {code for code, found in measured.measures().items() if found.proven}
    assert stable - asked <= proven


def test_precision_in_words() -> None:
    assert str(measured.NOTHING) == "no finding on real code has been judged yet"
    said = str(measured.Measured(38, 2, 5, 20))
    assert said == "95.0% of its findings on real code are true: 45 judged in 20 repositories, 2 false, 5 debatable"
    assert measured.Measured(19, 1, 0, 9).proven
    assert not measured.Measured(18, 2, 9, 9).proven
    assert not measured.Measured(19, 0, 0, 9).proven
