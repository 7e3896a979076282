"""Writes what confluent-kafka itself would not: a header whose name is no text. By ctypes, with its own librdkafka."""

import ctypes

from transport.embedded import library_path

_PRODUCER = 0
_ERROR_BYTES = 512
_TOPIC, _PARTITION, _VALUE, _KEY, _MSGFLAGS, _HEADERS = 1, 3, 4, 5, 7, 10  # rd_kafka_vtype_t
_COPY = 2
_FLUSH_MS = 30_000

Header = tuple[bytes, bytes | None]


def send(servers: str, topic: str, partition: int, key: bytes, value: bytes, headers: list[Header]) -> None:
    """Write one record and wait until the broker has it."""
    library = ctypes.CDLL(library_path())
    number, pointer, text, size = ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
    for name, result in (
        ("rd_kafka_conf_new", pointer),
        ("rd_kafka_new", pointer),
        ("rd_kafka_headers_new", pointer),
        ("rd_kafka_producev", number),
        ("rd_kafka_flush", number),
    ):
        getattr(library, name).restype = result
    message = ctypes.create_string_buffer(_ERROR_BYTES)
    properties = pointer(library.rd_kafka_conf_new())
    library.rd_kafka_conf_set(properties, b"bootstrap.servers", servers.encode(), message, size(_ERROR_BYTES))
    producer = pointer(library.rd_kafka_new(number(_PRODUCER), properties, message, size(_ERROR_BYTES)))
    assert producer, message.value
    carried = pointer(library.rd_kafka_headers_new(size(len(headers))))
    for name_bytes, content in headers:
        length = ctypes.c_ssize_t(len(content or b""))
        library.rd_kafka_header_add(carried, name_bytes, ctypes.c_ssize_t(len(name_bytes)), content, length)
    error = library.rd_kafka_producev(
        producer,
        *(number(_TOPIC), text(topic.encode())),
        *(number(_PARTITION), ctypes.c_int32(partition)),
        *(number(_VALUE), text(value), size(len(value))),
        *(number(_KEY), text(key), size(len(key))),
        *(number(_MSGFLAGS), number(_COPY)),
        *(number(_HEADERS), carried),
        number(0),
    )
    left = library.rd_kafka_flush(producer, number(_FLUSH_MS))
    library.rd_kafka_destroy(producer)
    assert not error
    assert not left
