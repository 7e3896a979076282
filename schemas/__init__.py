"""What crosses a topic: the events, their envelope, and the public code lists they use."""
