"""A candidate for an office, as a process: says `held` when it holds it; each line it hears it publishes."""

import sys
from threading import Event

from transport.errors import TransportError
from transport.office import Office
from transport.settings import KafkaSettings


def main(servers: str, name: str, topic: str) -> None:
    """Hold the office until standard input ends; says for each line whether it was published."""
    with Office(KafkaSettings(bootstrap_servers=servers), name, topic) as office:
        print("candidate", flush=True)
        office.take(Event().is_set)
        sender = office.sender()
        print("held", flush=True)
        for line in sys.stdin:
            sender.send(topic, b"key", line.strip().encode())
            try:
                sender.flush()
            except TransportError as error:
                print(error.reason, flush=True)
            else:
                print("published", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
