from tests.kafka_fixture import kafka  # noqa: F401  # a fixture
