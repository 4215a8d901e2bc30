"""What operators see of the watch on the model."""

from __future__ import annotations

from deploy.health import Health
from streams.standing import Standing


class Loop:
    def __init__(self, halted: str = "") -> None:
        self.standing = Standing(
            turned_at=10.0, joined=not halted, owned=1, recovering=0, draining=False, lag={}, halted=halted
        )


def health(loop: Loop, modes: dict[str, bool]) -> Health:
    made = Health(clock=lambda: 11.0)
    made.watch(loop, lambda: modes)
    return made


def test_a_worker_whose_canaries_fail_is_alive_and_not_ready_and_says_why() -> None:
    judged = health(Loop("video-frame: 30 of 32 canaries differ"), {"lite0": True})
    assert judged.alive().ok
    assert not judged.ready().ok
    assert "30 of 32 canaries differ" in judged.ready().why
    assert judged.body(judged.ready())["halted"] == "video-frame: 30 of 32 canaries differ"


def test_an_encoder_in_training_mode_is_named_by_health() -> None:
    judged = health(Loop(), {"lite0": True, "minilm": False})
    assert not judged.alive().ok
    assert not judged.ready().ok
    assert "minilm is in training mode" in judged.alive().why
    assert judged.body(judged.alive())["encoders"] == {"lite0": "evaluation", "minilm": "training"}
