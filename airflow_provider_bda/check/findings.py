"""What a preflight found, as a table for people and as JSON. Pure."""

from __future__ import annotations

import json
import textwrap
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """How a check ended. What could not be tried is never a pass."""

    PASS = "pass"  # noqa: S105 - a word, no password
    FAIL = "FAIL"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check.

    :param what: what was looked at.
    :param verdict: how it ended.
    :param detail: what was seen, and the mend.
    :param statement: the statement of an IAM policy that is missing.
    """

    what: str
    verdict: Verdict
    detail: str
    statement: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The findings of one preflight, in the order they were made."""

    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing failed. What could not be told does not count as a failure."""
        return all(finding.verdict is not Verdict.FAIL for finding in self.findings)

    @property
    def missing_statements(self) -> list[dict[str, Any]]:
        """The statements that would mend what was refused, each once."""
        found: list[dict[str, Any]] = []
        for finding in self.findings:
            if finding.statement is not None and finding.statement not in found:
                found.append(finding.statement)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Answer plain JSON."""
        return {
            "passed": self.passed,
            "findings": [asdict(finding) | {"verdict": finding.verdict.value} for finding in self.findings],
            "missing_statements": self.missing_statements,
        }

    def text(self, width: int = 120) -> str:
        """Answer the table, what is missing in IAM, and the sum."""
        left = max((len(finding.what) for finding in self.findings), default=0)
        indent = " " * (left + len(Verdict.CANNOT_TELL) + 4)
        lines = []
        for finding in self.findings:
            head = f"{finding.what:<{left}}  {finding.verdict:<{len(Verdict.CANNOT_TELL)}}  "
            lines.append(
                textwrap.fill(
                    finding.detail,
                    max(width, len(head) + 40),
                    initial_indent=head,
                    subsequent_indent=indent,
                    break_long_words=False,
                    break_on_hyphens=False,
                )
            )
        if self.missing_statements:
            body = json.dumps({"Version": "2012-10-17", "Statement": self.missing_statements}, indent=2)
            lines += ["", "Missing in IAM for this identity:", body]
        counts = [(verdict, sum(f.verdict is verdict for f in self.findings)) for verdict in Verdict]
        lines += ["", ", ".join(f"{count} {verdict}" for verdict, count in counts)]
        return "\n".join(lines)
