"""YAML as `yamltree` reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from deploy.policy.yamltree import INTEGER, NUMBER


class _Dumper(yaml.SafeDumper):
    """Quotes the texts that are numbers in YAML 1.2 and none in 1.1, such as 1e5 and 08."""


for _pattern in (INTEGER, NUMBER):
    _Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _pattern, list("-+.0123456789"))


def to_yaml(document: Mapping[str, Any]) -> str:
    """Return a document as people write it."""
    return str(yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True))
