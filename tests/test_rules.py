"""Every rule proves itself: its page, its example, its fixtures and their fixes."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradlint.testing import Case, cases

FIXTURES = Path(__file__).parent.parent / "fixtures" / "rules"


@pytest.mark.parametrize("case", cases(fixtures=FIXTURES), ids=str)
def test_rules(case: Case, request: pytest.FixtureRequest) -> None:
    case.run(update=bool(request.config.getoption("--update-fixtures")))
