"""The text of an expression: its tree, and errors that point into it."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass
from typing import Final

from deploy.errors import ConfigurationError

_LONGEST: Final = 4_000  # characters
_EXAMPLE: Final = 'score < 0.3 and kind == "image"'


class ExpressionError(ConfigurationError):
    """An expression that cannot be understood: the text shows where."""


@dataclass(frozen=True, slots=True)
class Source:
    """An expression as it was written."""

    text: str

    def tree(self) -> ast.expr:
        """Return its syntax tree; nothing is run.

        Raises:
            ExpressionError: it is too long, empty or not in Python's grammar.
        """
        if len(self.text) > _LONGEST:
            raise ExpressionError(f"--where has {len(self.text)} characters; {_LONGEST} are allowed")
        if not self.text.strip():
            raise ExpressionError(f"--where is empty: write a comparison, such as {_EXAMPLE}")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of odd escapes in texts
                # in brackets, so that it may begin with spaces and go over several lines
                return ast.parse(f"({self.text}\n)", mode="eval").body
        except SyntaxError as error:
            column = (error.offset or 1) - 2 if error.lineno == 1 else len(self._lines[0])
            raise self._pointing(1, column, 1, f"this is no comparison, such as {_EXAMPLE}") from None
        except (ValueError, MemoryError, RecursionError):
            raise ExpressionError("--where cannot be read: it is nested too deeply, or holds a NUL") from None

    def fault(self, node: ast.expr, problem: str) -> ExpressionError:
        """Return an error that points at a part of it."""
        line = node.lineno
        begin = self._column(line, node.col_offset)
        end = self._column(line, node.end_col_offset or 0) if node.end_lineno == line else len(self._lines[line - 1])
        return self._pointing(line, begin, end - begin, problem)

    @property
    def _lines(self) -> list[str]:
        return self.text.split("\n")

    def _column(self, line: int, bytes_before: int) -> int:
        """Return a place in characters of the line; the parser counts bytes, and the bracket before the first."""
        opening = 1 if line == 1 else 0
        whole = self._lines[line - 1].encode()
        return len(whole[: bytes_before - opening].decode(errors="ignore"))

    def _pointing(self, line: int, column: int, width: int, problem: str) -> ExpressionError:
        shown = self._lines[line - 1].replace("\t", " ")
        column = min(max(0, column), len(shown))
        return ExpressionError(f"--where: {problem}\n  {shown}\n  {' ' * column}{'^' * max(1, width)}")
