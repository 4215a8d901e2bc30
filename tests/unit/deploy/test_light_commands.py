"""Commands that only read topics and folders start in a second or two: they load no network and no medical formats."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("torch", "torchvision", "pydicom", "sklearn", "av")
COMMANDS = (
    "calibrating casetable diffing experiments explaining itemlist labelslist policies promotions replaying risks"
    " slicetable watching"
)


def test_an_operator_does_not_wait_for_what_is_not_needed() -> None:
    code = f"""
import importlib, sys
for name in {COMMANDS.split()}:
    importlib.import_module("deploy.cli." + name)
print([name for name in {HEAVY} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
