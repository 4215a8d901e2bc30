"""`sluice score` whose encoder can be broken after it was loaded, by SIGUSR1; a repair helps once a file is there.

SIGUSR2 asks for canaries.

With `frozen` as its argument, canaries are never scored: every answer waits for ever.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any, cast

from deploy import scorer
from deploy.canaries import Watch
from deploy.process import begin
from deploy.settings import Settings
from workers.domains import Domain
from workers.encoders import EncoderError
from workers.scorer import Scorer
from workers.service import ScoringService

FOLDER = Path(os.environ["SLUICE_TEST_FOLDER"])


def break_encoder(made: Scorer) -> None:
    """Turn the sign of every weight of the first layer."""
    encoder: Any = made.domains["video-frame"].encoder
    encoder.network._conv_stem.weight.data.neg_()


def main() -> None:
    settings = Settings.load()
    stopped = begin(settings, "score", verbose=False)
    load, domains, watch = scorer._load, scorer._domains, scorer._watch

    def loaded(*arguments: Any, **named: Any) -> Scorer:
        made = load(*arguments, **named)
        signal.signal(signal.SIGUSR1, lambda *_: break_encoder(made))
        return made

    def loaded_again(options: scorer.WorkerOptions, settings: Settings) -> dict[str, Domain]:
        if not (FOLDER / "repaired").exists():
            raise EncoderError("the weights on the disk are wrong as well")
        return domains(options, settings)

    def watched(*arguments: Any) -> Watch:
        made = watch(*arguments)
        signal.signal(signal.SIGUSR2, lambda *_: made.service.check_soon())
        return made

    scorer._watch = cast("Any", watched)
    scorer._load = loaded
    scorer._domains = loaded_again
    if "frozen" in sys.argv:
        ScoringService.probe = lambda *_: None  # type: ignore[method-assign]
    scorer.run(settings, scorer.WorkerOptions(device="cpu", heads=FOLDER / "heads"), stopped)


if __name__ == "__main__":
    main()
