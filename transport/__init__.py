"""Kafka and nothing else: records in, records out, exactly once where the broker can. It knows nothing of crime."""
