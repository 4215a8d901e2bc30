"""How much work a page's nesting makes, found before it is parsed: a few bytes can ask for hours and gigabytes.

For many a tag, HTML's rules walk up all open elements, and open again in every block those for bold, italics and the
like that were never closed. So a page of n unclosed tags costs n squared. Browsers cap the depth; here such a page is
refused.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

MAX_STEPS: Final = 200_000_000  # up open elements, summed over all tags: about a second
MAX_REOPENED: Final = 3_000_000  # elements, about 100 bytes each


def names(listed: str) -> frozenset[str]:
    """Return the names of tags in a list with spaces between them."""
    return frozenset(listed.split())


_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")
_FORMATTING = names("a b big code em font i nobr s small strike strong tt u")
# Those without an end tag, and those whose end tag may be left out: they hold no copy of themselves.
_UNNESTED = names(
    "area base br col embed hr img input link meta source track wbr p li dt dd option optgroup tr td th tbody thead"
    " tfoot colgroup rp rt html head body"
)


class NestingError(Exception):
    """A page that nests so deep that parsing it would take too long."""


def check_nesting(html: str) -> None:
    """Raise NestingError for a page whose tags nest far beyond what pages do."""
    open_tags: Counter[str] = Counter()
    depth = formatting = steps = reopened = 0
    for slash, written in _TAG.findall(html):
        name = written.lower()
        steps += depth
        reopened += 0 if slash else formatting
        if name in _UNNESTED or (slash and not open_tags[name]):
            continue
        change = -1 if slash else 1
        open_tags[name] += change
        depth += change
        formatting += change * (name in _FORMATTING)
    if steps > MAX_STEPS or reopened > MAX_REOPENED:
        raise NestingError("its tags are nested too deep, or thousands of them are never closed")
