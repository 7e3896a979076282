"""The demo's own broker: librdkafka's mock cluster, which comes inside confluent-kafka's wheel.

It speaks the real protocol, and other processes connect to it on loopback. What it is not: transactions are accepted
and do nothing, so it is at least once only; a partition keeps 5 MB or 100,000 messages and silently drops older ones;
no topics can be made while it runs; nothing is compacted and nothing is on disk.

As a process: `python -m transport.embedded --topic NAME:PARTITIONS ... [--with-parent]`.

Tried on Linux (x86-64). The places of the library on macOS and Windows are those of confluent-kafka's wheels; they were
not tried.
"""

import argparse
import ctypes
import importlib.util
import json
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from ctypes.util import find_library
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

from transport.errors import NoBroker
from transport.settings import KafkaSettings

_PRODUCER: Final = 0
_ERROR_BYTES: Final = 512


def library_path() -> str:
    """The librdkafka that confluent-kafka itself uses. Raises `NoBroker`."""
    spec = importlib.util.find_spec("confluent_kafka")
    if spec is None or spec.origin is None:
        raise NoBroker("no-library", "confluent-kafka is not installed")
    package = Path(spec.origin).parent
    # Wheels: auditwheel (Linux) and delvewheel (Windows) put libraries beside the package, delocate (macOS) inside.
    for folder in (package.with_name("confluent_kafka.libs"), package / ".dylibs", package):
        for path in sorted(folder.glob("*rdkafka*")):
            if path.suffix in {".dll", ".dylib"} or ".so" in path.name:
                return str(path)
    if found := find_library("rdkafka"):
        return found  # built from source against the system's library
    raise NoBroker("no-library", f"no librdkafka beside {package}: install confluent-kafka from a wheel")


def _load(path: str) -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(path)
        pointer, text = ctypes.c_void_p, ctypes.c_char_p
        for name, result, arguments in (
            ("rd_kafka_conf_new", pointer, []),
            ("rd_kafka_conf_set", ctypes.c_int, [pointer, text, text, text, ctypes.c_size_t]),
            ("rd_kafka_new", pointer, [ctypes.c_int, pointer, text, ctypes.c_size_t]),
            ("rd_kafka_destroy", None, [pointer]),
            ("rd_kafka_mock_cluster_new", pointer, [pointer, ctypes.c_int]),
            ("rd_kafka_mock_cluster_destroy", None, [pointer]),
            ("rd_kafka_mock_cluster_bootstraps", text, [pointer]),
            ("rd_kafka_mock_topic_create", ctypes.c_int, [pointer, text, ctypes.c_int, ctypes.c_int]),
            ("rd_kafka_mock_group_initial_rebalance_delay_ms", None, [pointer, ctypes.c_int32]),
            (
                "rd_kafka_mock_push_request_errors_array",
                None,
                [pointer, ctypes.c_int16, ctypes.c_size_t, ctypes.POINTER(ctypes.c_int)],
            ),
        ):
            function = getattr(library, name)
            function.restype = result
            function.argtypes = arguments
    except (OSError, AttributeError) as error:
        raise NoBroker("no-library", f"{path} has no mock cluster ({error}): use a real Kafka") from error
    return library


class EmbeddedBroker:
    """A broker inside this process, from making it until `close`.

    Args:
        topics: name to number of partitions; no other topics can be made with a number of one's choice later.
    """

    def __init__(self, topics: Mapping[str, int]) -> None:
        self._library = _load(library_path())
        message = ctypes.create_string_buffer(_ERROR_BYTES)
        properties = self._library.rd_kafka_conf_new()
        # Warnings and worse: it would else complain that nobody told it where its own broker is.
        self._library.rd_kafka_conf_set(properties, b"log_level", b"4", message, _ERROR_BYTES)
        self._client = self._library.rd_kafka_new(_PRODUCER, properties, message, _ERROR_BYTES)
        if not self._client:
            raise NoBroker("did-not-start", message.value.decode(errors="replace"))
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._client, 1)
        if not self._cluster:
            self._library.rd_kafka_destroy(self._client)
            raise NoBroker("did-not-start", "librdkafka could not make a mock cluster")
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)
        for name, partitions in topics.items():
            if self._library.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1):
                self.close()
                raise NoBroker("did-not-start", f"topic {name} with {partitions} partitions was refused")
        self.bootstrap_servers: str = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def settings(self, group_id: str = "severity") -> KafkaSettings:
        """How to reach it."""
        return KafkaSettings(
            bootstrap_servers=self.bootstrap_servers, group_id=group_id, delivery="at-least-once", embedded=True
        )

    def fail_requests(self, api_key: int, errors: Sequence[int]) -> None:
        """Answer the next requests of one kind (Kafka's number of the request) with these error codes, in turn."""
        codes = (ctypes.c_int * len(errors))(*errors)
        self._library.rd_kafka_mock_push_request_errors_array(self._cluster, api_key, len(errors), codes)

    def close(self) -> None:
        """End it; what it held is gone."""
        if self._cluster:
            self._library.rd_kafka_mock_cluster_destroy(self._cluster)
            self._library.rd_kafka_destroy(self._client)
            self._cluster = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        self.close()
        return False


def _topic(text: str) -> tuple[str, int]:
    name, _, partitions = text.rpartition(":")
    if not name or not partitions.isdigit() or int(partitions) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME:PARTITIONS")
    return name, int(partitions)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the broker until SIGTERM or Ctrl-C, or with `--with-parent` until standard input is closed."""
    parser = argparse.ArgumentParser(prog="python -m transport.embedded", description="The demo's own broker.")
    parser.add_argument("--topic", action="append", type=_topic, required=True, metavar="NAME:PARTITIONS")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input is closed")
    chosen = parser.parse_args(arguments)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with EmbeddedBroker(dict(chosen.topic)) as broker:
        print(json.dumps({"bootstrap_servers": broker.bootstrap_servers}), flush=True)
        try:
            if chosen.with_parent:
                sys.stdin.buffer.read()
            while not chosen.with_parent:
                ended.wait(1.0)
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
